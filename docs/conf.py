"""The site: `tox -e docs` builds it, with warnings as errors, into build/site/."""

import inspect
import re

from sphinx.util.inspect import stringify_signature

import cmvq_keras

project = "cmvq-keras"
author = "The cmvq-keras authors"
version = release = cmvq_keras.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
]
smartquotes = False  # "--" begins an option

# Every heading has an anchor, and a link to none is a warning.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

# Docstrings are Google's style; a single backquote is code in them, as in Markdown.
default_role = "literal"
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
napoleon_custom_sections = [
    ("Input shape", "returns_style"),
    ("Output", "returns_style"),
    ("Call arguments", "params_style"),
]

# Tutorials are notebooks in Markdown, which jupytext opens too; each is run anew.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 180
nb_merge_streams = True
nb_output_stderr = "remove"

html_theme = "furo"
html_title = "cmvq-keras"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False


def link_outside(app, name, source):
    """Links to a file outside of docs/ go to the page that includes it."""
    source[0] = source[0].replace("(../benchmarks/RESULTS.md", "(benchmarks.md")


def for_the_page(app, what, name, thing, options, lines):
    """A docstring's "docs/method.md" becomes a link, and "--" a dash."""
    lines[:] = [
        re.sub(r"\bdocs/(\w+)\.md\b", r":doc:`docs/\1.md </\1>`", line).replace(
            " -- ", " \N{EN DASH} "
        )
        for line in lines
    ]


def own_signature(app, what, name, thing, options, signature, returns):
    """The arguments of a class: Keras hides them behind `*args, **kwargs`."""
    if what != "class":
        return None
    _self, *others = inspect.signature(thing.__init__).parameters.values()
    text = stringify_signature(inspect.Signature(others), unqualified_typehints=True)
    return text, None


def examples_as_code(app, context, lines):
    """Lines that click must not wrap, "| cmvq ...", are commands; others are prose."""
    lines[:] = [
        line if line.startswith("| ") else re.sub(r"([*|])", r"\\\1", line)
        for line in lines
    ]
    text = re.sub(
        r"(^\| .*\n)+",
        lambda found: "::\n\n" + re.sub(r"^\| ", "    ", found[0], flags=re.M) + "\n",
        "\n".join(lines) + "\n",
        flags=re.M,
    )
    lines[:] = text.splitlines()


def setup(app):
    app.connect("source-read", link_outside)
    app.connect("autodoc-process-docstring", for_the_page)
    app.connect("autodoc-process-signature", own_signature)
    app.connect("sphinx-click-process-description", examples_as_code)
