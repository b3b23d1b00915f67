"""Settings of the site: `sphinx-build -W --keep-going docs build/site`."""

import importlib.metadata
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent / "extensions")]

project = "aimc-crossbar"
release = importlib.metadata.version("aimc-crossbar")
copyright = "the authors of aimc-crossbar; Apache-2.0"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "pages_from_sources",
    "api_pages",
    "mathml",
    "internal_links",
]
exclude_patterns = ["extensions", "generated/parts"]

html_theme = "furo"
html_title = f"aimc-crossbar {release}"
_colours = {"color-brand-primary": "#0072B2", "color-brand-content": "#0072B2"}
html_theme_options = {"light_css_variables": _colours}
html_show_sourcelink = False
html_math_renderer = "mathml"

# Notebooks are committed as they ran, and a test runs them anew; a build shows what is there.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

add_module_names = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
maximum_signature_line_length = 100
napoleon_google_docstring = False
napoleon_use_rtype = False
copybutton_prompt_text = ">>> "
