"""``mfh evaluate methods``: what can be named, with facts and what is missing."""

import json

from mfh_lab.evaluation.methods.known import KNOWN


def test_every_method_is_listed_with_its_facts_and_what_is_missing(run_mfh, tmp_path, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("COLUMNS", "300")
    run = run_mfh("evaluate", "methods")
    lines = run.out.splitlines()
    assert run.code == 0 and run.err == ""
    assert lines[0].split() == ["method", "here", "commercial", "camera", "what", "weights"]
    assert [line.split()[0] for line in lines[1 : len(KNOWN) + 1]] == [*KNOWN]
    assert "  unidepth-v1: no weights hf:lpiccinelli/unidepth-v1-vitl14: mfh weights fetch hf:lpicc" in run.out
    assert any(line.startswith("  zerodepth: git clone ") and "DIR/<photo>.npy" in line for line in lines)
    assert "  metrichmsr: PROX: AbsRel 0.13, δ1 0.91 (" in run.out
    monkeypatch.setenv("COLUMNS", "72")
    table = run_mfh("evaluate", "methods").out.split("To get what is missing")[0].splitlines()
    assert sum(line.startswith("method ") for line in table) == 3


def test_one_method_has_all_its_facts_and_json_those_of_all(run_mfh):
    run = run_mfh("evaluate", "methods", "metric3d-v2")
    facts = {line[:16].strip(): line[16:] for line in run.out.splitlines()}
    assert run.code == 0 and facts["code licence"] == "BSD-2-Clause" and facts["commercial"] == "unclear"
    assert (
        facts["camera"] == "input"
        and "TPAMI" in facts["paper"]
        and facts["get weights"].startswith("hf download JUGGHM")
    )
    tree = json.loads(run_mfh("evaluate", "methods", "--json").out)
    assert [one["name"] for one in tree["methods"]] == [*KNOWN]
    by_name = {one["name"]: one for one in tree["methods"]}
    assert by_name["zerodepth"]["runs_here"] == "by files" and by_name["metrichmsr"]["runs_here"] == "no"
    assert by_name["mfh"]["runs_here"] == "yes" and by_name["depth-pro"]["shape_space"] == "disparity"
    other = run_mfh("evaluate", "methods", "best")
    assert other.code == 2 and "no method is called 'best': expected one of mfh, moge-2" in other.error_line
