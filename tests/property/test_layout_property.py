"""Any YAML that is read can be laid out: the same content and comments, and stable."""

from __future__ import annotations

from io import StringIO
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from streamproc.errors import ConfigError
from streamproc.rules.document import Document
from streamproc.rules.layout import laid_out

WORDS = st.text("ab#:-[]{},'\"\\ \n*&!|>%@`é", max_size=12)
SCALARS = WORDS | st.integers() | st.booleans() | st.none() | st.sampled_from([0.5, "", "~", "no"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(WORDS, below, max_size=4),
    max_leaves=25,
)


def written(value: Any, *, flow: bool, indent: int, comments: list[str]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.indent(mapping=indent, sequence=indent + 2, offset=indent)
    yaml.width = 40
    stream = StringIO()
    yaml.dump({"top": value, "end": [1, {"a": value}]}, stream)
    heading = "".join(f"# {comment}\n\n" for comment in comments)
    return f"{heading}{stream.getvalue()}# end\n"


def is_yaml(text: str) -> bool:
    # In brackets, ruamel.yaml writes some texts that begin with a colon as it cannot read them.
    try:
        return Document.parse(text, "x.yaml").root is not None
    except ConfigError:
        return False


@settings(deadline=None)
@given(
    VALUES,
    st.sampled_from([True, False, None]),
    st.sampled_from([2, 4]),
    st.lists(st.text("ab #", min_size=1), max_size=3),
)
def test_what_is_laid_out_says_the_same_and_stays_so(
    value: Any, flow: bool, indent: int, comments: list[str]
) -> None:
    text = written(value, flow=flow, indent=indent, comments=comments)
    assume(is_yaml(text))
    once = laid_out(text, "x.yaml")
    assert Document.parse(once, "x.yaml").content == Document.parse(text, "x.yaml").content
    assert laid_out(once, "x.yaml") == once
    assert once.count("# end\n") == text.count("# end\n")
