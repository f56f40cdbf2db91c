"""The packages of the extra `report`; importing this imports none of them."""

import importlib.util

PACKAGES = {
    "matplotlib": "matplotlib",
    "sklearn": "scikit-learn",
    "jinja2": "jinja2",
}


def need(*modules):
    """Raises ImportError, with what to install, for a package that is missing."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ImportError(
                f"This needs {PACKAGES[module]}, which is not installed. Do: pip "
                "install 'cmvq-keras[report]'"
            )


def need_report():
    """Raises ImportError unless all that a report needs is installed."""
    need(*PACKAGES)
