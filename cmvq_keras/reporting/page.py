"""Pages of HTML from the templates beside this file: self-contained, no request."""

from cmvq_keras.reporting.packages import need


def render(template: str, **content) -> str:
    """A page; every string in its content is escaped, but for `markupsafe.Markup`.

    Args:
        template: a file of this folder, without `.html.jinja`.
        content: what it shows, by the template's names.

    Raises:
        ImportError: without jinja2; it says how to get it.
    """
    need("jinja2")
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cmvq_keras.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{template}.html.jinja").render(**content)


def drawing(svg: str):
    """SVG of our own for a template: it is not escaped.

    Args:
        svg: an `<svg>` element, its texts escaped.
    """
    from markupsafe import Markup

    return Markup(svg)
