# ruff: noqa: INP001 -- a folder of pages is no package
"""Sphinx: `make docs` builds the site from these pages and from the docstrings."""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version as installed
from typing import Any

from sphinx.util.nodes import make_refnode

# The reference imports the provider, and that Airflow, which makes its home directory at once.
os.environ["AIRFLOW_HOME"] = os.path.abspath("../build/docs-airflow")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
logging.getLogger("airflow").setLevel(logging.WARNING)
sys.path[:0] = [os.path.abspath("../connector"), os.path.abspath("../airflow_provider")]

project = "Camunda Optimize connector"
author = "the contributors"
project_copyright = "the contributors. Not made or endorsed by Camunda"
release = version = installed("camunda-optimize-connector")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
smartquotes = False  # options and commands are shown as they are typed
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
exclude_patterns = ["_build"]
# A page that somebody adds at the top of this folder is listed without being named; there may be none.
suppress_warnings = ["toc.empty_glob"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88
copybutton_prompt_text = "$ "


def link_by_last_name(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Annotations and docstrings name things as their own module does; the pages, where users import them from."""
    if node.get("refdomain") != "py":
        return None
    last = "." + node["reftarget"].rpartition(".")[2]
    found = {name: item for name, item in env.domains["py"].objects.items() if name.endswith(last)}
    if len(found) != 1:
        return None
    [(name, item)] = found.items()
    return make_refnode(app.builder, node["refdoc"], item.docname, item.node_id, content, name)


def setup(app: Any) -> None:
    """Sphinx calls it."""
    app.connect("missing-reference", link_by_last_name)
