"""How the documentation is built: without a network, from docstrings, notebooks and these pages."""

from pathlib import Path
from shutil import copy2

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import desistance

project = "desistance"
author = copyright = "The desistance maintainers"
version = release = desistance.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are kept executed, and a test runs them again
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # these would be fetched from elsewhere

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_show_inherited_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "desistance"
html_show_sourcelink = False
html_sidebars = {"**": []}
html_theme_options = {"show_prev_next": True, "footer_start": ["copyright"], "footer_end": []}
html_math_renderer = "mathml"


def _write_math(translator, node) -> None:
    """Write a formula as MathML, which a browser draws without any script."""
    is_block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=is_block)
    translator.body.append(f"<p>{formula}</p>" if is_block else formula)
    raise nodes.SkipNode


def _bring_notebooks(app, _config) -> None:
    """Copy the notebooks, as they were run, to where Sphinx can see them: in its own folder."""
    folder = Path(app.srcdir, "generated", "notebooks")
    folder.mkdir(parents=True, exist_ok=True)
    for notebook in Path(app.srcdir).parent.glob("notebooks/*.ipynb"):
        copy2(notebook, folder)


def setup(app) -> None:
    """Bring the notebooks, and teach Sphinx to write formulas without fetching a script."""
    app.connect("config-inited", _bring_notebooks)
    app.add_html_math_renderer("mathml", (_write_math, None), (_write_math, None))
