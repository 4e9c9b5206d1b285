"""Who chains through whom, and the two languages that draw it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from sts_plugin.diagrams import picture
from sts_plugin.graph import Edge, graph_of
from sts_plugin.overview import summaries

MFA = "arn:aws:iam::111111111111:mfa/alice"
ROLE = "arn:aws:iam::222222222222:role/"
CONFIG = f"""\
[profile alice]
aws_access_key_id = AKIA1
aws_secret_access_key = s
[profile jump]
role_arn = {ROLE}Jump
source_profile = alice
mfa_serial = {MFA}
[profile prod]
role_arn = {ROLE}Prod
source_profile = jump
[profile tower]
role_arn = {ROLE}Tower
source_profile = tower
"""


def drawn(aws, config=CONFIG, names=None):
    return graph_of(summaries(aws(config), {}, names))


def test_the_arrows_go_the_way_of_the_credentials(aws):
    graph = drawn(aws)
    jump, prod, alice = (("profile", name) for name in ("jump", "prod", "alice"))
    assert graph.edges == (
        Edge(("device", MFA), alice, "code"),
        Edge(alice, jump, "AssumeRole"),
        Edge(jump, prod, "AssumeRole"),
    )
    assert graph.nodes[jump].lines == ("jump", f"{ROLE}Jump")
    assert graph.nodes[alice].lines == ("alice", "static keys")
    assert [one.name for one in graph.broken] == ["tower"]
    assert graph.nodes["profile", "tower"].kind == "broken"


def test_one_profile_brings_all_that_it_chains_through_and_no_other(aws):
    names = {name for _, name in drawn(aws, names=["prod"]).nodes}
    assert names == {"alice", "jump", "prod", MFA}


def test_a_code_that_goes_to_the_role_itself_is_drawn_there(aws):
    config = CONFIG.replace("role_arn", "sts_plugin_mfa_mode = direct\nrole_arn", 1)
    edge = Edge(("device", MFA), ("profile", "jump"), "code")
    assert edge in drawn(aws, config).edges


def test_a_role_that_a_token_proves_has_one_box(aws):
    config = f"[profile ci]\nrole_arn = {ROLE}Ci\nweb_identity_token_file = /x\n"
    graph = drawn(aws, config)
    (node,) = graph.nodes.values()
    assert node.lines == ("ci", "web-identity", f"{ROLE}Ci")
    assert graph.edges == ()


NAMES = ['a"b', "a\\b", "a<b>&c", "a]b", "日本", "a'b", "end", "x;y", "a#b", "%%{x}"]


@pytest.mark.skipif(not shutil.which("dot"), reason="there is no Graphviz")
def test_graphviz_draws_it_whatever_the_names(aws):
    config = CONFIG
    for name in NAMES:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        config += f'[profile "{quoted}"]\nrole_arn = {ROLE}X\nsource_profile = jump\n'
    done = subprocess.run(
        ["dot", "-Tjson"],
        input=picture(drawn(aws, config), "dot"),
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    labels = {one["label"] for one in found["objects"]}  # with backslashes as escapes
    escaped = [name.replace("\\", "\\\\") for name in NAMES]
    assert {f"{name}\\n{ROLE}X" for name in escaped} <= labels
    assert len(found["edges"]) == 3 + len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_part_of_mermaids_language(aws, name):
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    config = f'[profile "{quoted}"]\nrole_arn = {ROLE}X\nsource_profile = jump\n'
    first, *lines = picture(drawn(aws, CONFIG + config), "mermaid").splitlines()
    assert first == "flowchart LR"
    text = r'"(?:[\w \-.:/@+=,*]|#\d+;|<br/>)*"'
    node = re.compile(rf"  n\d+(?:\[{text}\]|\(\[{text}\]\))(?::::broken)?")
    edge = re.compile(rf"  n\d+ -- {text} --> n\d+")
    for line in lines[:-1]:
        assert node.fullmatch(line) or edge.fullmatch(line), line
    assert lines[-1].split()[:2] == ["classDef", "broken"]
    said = [re.sub(r"#(\d+);", lambda one: chr(int(one[1])), line) for line in lines]
    assert any(f'"{name}<br/>{ROLE}X"' in line for line in said)
