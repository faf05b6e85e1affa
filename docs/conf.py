"""The site: `uv run --group docs python -m sphinx -W -n -q docs dist/docs` builds it; a broken link or anchor ends the build."""

from __future__ import annotations

from importlib import metadata

from sphinx.application import Sphinx

from docs.generator.borrowed import linked
from docs.generator.markdown import captioned
from docs.generator.parts import complete

project = "Vectorgate"
release = metadata.version("vectorgate")
extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["deploy", "generator"]

myst_heading_anchors = 3
myst_enable_extensions = ["attrs_inline"]
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

html_theme = "furo"
html_title = "Vectorgate"
html_static_path = ["generator/static"]
html_css_files = ["site.css"]
html_favicon = "diagrams/icon.svg"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00695c", "color-brand-content": "#00695c"},
    "dark_css_variables": {"color-brand-primary": "#4db6ac", "color-brand-content": "#4db6ac"},
}


def _read(_: Sphinx, name: str, source: list[str]) -> None:
    """Fill in what is generated, keep links to files outside docs/ inside the site, and show the titles of blocks of code."""
    source[0] = captioned(linked(complete(source[0]), f"{name}.md"))


def setup(app: Sphinx) -> None:
    app.connect("source-read", _read)
