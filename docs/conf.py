# ruff: noqa: INP001 -- a folder of pages is no package
"""Sphinx: `make docs` builds the site from these pages and from the docstrings."""

from __future__ import annotations

import inspect
import logging
import os
import re
import sys
from importlib.metadata import version as installed
from typing import Any

from sphinx.util.inspect import stringify_signature
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


def whole_signature(cls: type) -> inspect.Signature:
    """What a class of the provider takes, with all defaults, in the order in which its docstring explains it.

    Each class of ours takes its own arguments and hands the rest up by ``**kwargs``, so that the ``__init__`` of the
    last one shows little. Whatever Airflow's own base class takes remains ``**kwargs``; so does what another class of
    ours takes and this one's docstring does not explain, since it is of no use there.
    """
    taken: dict[str, inspect.Parameter] = {}
    own: list[str] = []
    hands_up = False
    for owner in cls.__mro__:
        init = vars(owner).get("__init__")
        if init is None:
            continue
        if not owner.__module__.startswith("camunda_optimize_provider"):
            break
        parameters = list(inspect.signature(init).parameters.values())[1:]
        hands_up = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                taken.setdefault(parameter.name, parameter)
                own += [parameter.name] if owner is cls else []
        if not hands_up:
            break
    explained = re.findall(r"^\s*:param (\w+):", cls.__doc__ or "", flags=re.MULTILINE)
    if "reports" in explained and "collections" not in explained:  # one sentence explains both
        explained.insert(explained.index("reports") + 1, "collections")
    shown = [taken[name] for name in dict.fromkeys((*explained, *own)) if name in taken]
    if hands_up:
        shown.append(inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD, annotation=Any))
    shown.sort(key=lambda parameter: parameter.kind)
    return inspect.Signature(shown)


def show_whole_signature(
    _app: Any, what: str, _name: str, item: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """For classes of the provider; see `whole_signature`."""
    if what == "class" and item.__module__.startswith("camunda_optimize_provider"):
        whole = whole_signature(item)
        if whole.parameters:
            return stringify_signature(whole), returns
    return signature, returns


def setup(app: Any) -> None:
    """Sphinx calls it."""
    app.connect("autodoc-process-signature", show_whole_signature)
    app.connect("missing-reference", link_by_last_name)
