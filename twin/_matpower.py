"""MATPOWER case files as networkx graphs: a reader of literals, which runs nothing of what a file says.

Format: MATPOWER manual, appendix B (case format version 2). A statement that is not a literal is an error, except
the two unit conversions that the published distribution cases end with.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from twin.errors import Problem, SiteError

Array = npt.NDArray[np.float64]

_ASSIGN = re.compile(r"mpc\.(\w+)=")
_HARMLESS = re.compile(
    r"function\b.*|\[[\w,]+\]=idx_\w+|define_constants|Vbase=mpc\.bus\(1,BASE_KV\)\*1e3|Sbase=mpc\.baseMVA\*1e6"
)
_OHM_TO_PU = "mpc.branch(:,[BR_R,BR_X])=mpc.branch(:,[BR_R,BR_X])/(Vbase^2/Sbase)"
_KW_TO_MW = "mpc.bus(:,[PD,QD])=mpc.bus(:,[PD,QD])/1e3"
_WITHOUT_COMMENT = re.compile(r"(?:[^%']|'[^']*'|')*")
_MATRICES = {"bus": 13, "gen": 10, "branch": 11}
"""Matrix -> columns it must at least have."""

# Columns, MATPOWER manual tables B-1 to B-3.
BUS_I, BUS_TYPE, PD, QD, GS, BS, VM, VA, BASE_KV = 0, 1, 2, 3, 4, 5, 7, 8, 9
GEN_BUS, PG, QG, QMAX, QMIN, VG, GEN_STATUS = 0, 1, 2, 3, 4, 5, 7
F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, TAP, SHIFT, BR_STATUS = 0, 1, 2, 3, 4, 5, 8, 9, 10
PV, REF, ISOLATED = 2, 3, 4


def read_case(path: Path) -> dict[str, Any]:
    """``baseMVA`` (a float) and the matrices ``bus``, ``gen``, ``branch`` of a case file.

    Raise SiteError naming line and statement for anything that is not a literal.
    """
    case: dict[str, Any] = {}
    problems: list[Problem] = []
    conversions = []
    for line, statement in _statements(path.read_text(encoding="utf-8", errors="replace")):
        squeezed = _squeeze(statement)
        found = _ASSIGN.match(squeezed)
        if squeezed in (_OHM_TO_PU, _KW_TO_MW):
            conversions.append(squeezed)
        elif found and found[1] in {"baseMVA", *_MATRICES}:
            try:
                case[found[1]] = _literal(statement.split("=", 1)[1])
            except ValueError as error:
                problems.append(Problem(f"mpc.{found[1]}", str(error), file=str(path), line=line))
        elif found and found[1] == "dcline" and re.search(r"\d", statement.split("=", 1)[1]):
            problems.append(Problem("mpc.dcline", "direct-current lines are not supported", file=str(path), line=line))
        elif not (found or _HARMLESS.fullmatch(squeezed)):
            problems.append(Problem("statement", "not a literal", statement.strip(), file=str(path), line=line))
    problems += [
        Problem(f"mpc.{name}", "missing", file=str(path)) for name in ("baseMVA", *_MATRICES) if name not in case
    ]
    if not problems:
        problems = _check_shapes(case, path)
    if problems:
        raise SiteError(problems)
    _convert(case, conversions)
    return case


def _statements(text: str) -> list[tuple[int, str]]:
    """(line, statement) of a file without comments; brackets, braces and ``...`` join lines."""
    found: list[tuple[int, str]] = []
    parts: list[str] = []
    start, depth = 0, 0
    for number, raw in enumerate(text.splitlines(), start=1):
        found_line = _WITHOUT_COMMENT.match(raw)
        line = found_line[0].rstrip() if found_line else ""
        goes_on = line.endswith("...")
        line = line.removesuffix("...")
        depth += sum(line.count(c) for c in "[{") - sum(line.count(c) for c in "]}")
        if line.strip() or parts:
            start = start if parts else number
            parts.append(line)
        if parts and depth == 0 and not goes_on:
            statement = "\n".join(parts).strip().rstrip(";").strip()
            found += [(start, statement)] if statement else []
            parts = []
    return found + ([(start, "\n".join(parts))] if parts else [])


def _squeeze(statement: str) -> str:
    """The statement without blanks; blanks between items of a list become commas."""
    inner = re.sub(r"(?<=[\w\]])[ \t\n]+(?=[\w])", ",", statement)
    return re.sub(r"function,", "function ", re.sub(r"\s+", "", inner))


def _literal(text: str) -> Any:
    """A number or a matrix of numbers; ValueError names what is neither."""
    text = text.strip()
    if not text.startswith("["):
        return _number(text)
    rows = [row for row in re.split(r"[;\n]", text.strip("[]")) if row.strip()]
    return [[_number(item) for item in row.replace(",", " ").split()] for row in rows]


def _number(text: str) -> float:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|Inf)", text):
        raise ValueError(f"expected a number, found {text!r}")
    return float(text)


def _check_shapes(case: dict[str, Any], path: Path) -> list[Problem]:
    """Turn the matrices into arrays; what does not fit is returned."""
    problems = []
    for name, columns in _MATRICES.items():
        rows = case[name]
        widths = {len(row) for row in rows} if isinstance(rows, list) else {0}
        if len(widths) != 1 or min(widths) < columns:
            problems.append(
                Problem(f"mpc.{name}", f"expected rows of equal length, {columns} columns or more", file=str(path))
            )
        else:
            case[name] = np.array(rows)
    return problems or _check_numbers(case, path)


def _check_numbers(case: dict[str, Any], path: Path) -> list[Problem]:
    """Bus numbers that are used twice, or that nothing bears."""
    numbers = case["bus"][:, BUS_I].tolist()
    known = set(numbers)
    problems = []
    if len(known) < len(numbers):
        problems.append(Problem("mpc.bus", "a bus number is used twice", file=str(path)))
    for name, columns in (("gen", (GEN_BUS,)), ("branch", (F_BUS, T_BUS))):
        for number in np.unique(case[name][:, columns]).tolist():
            if number not in known:
                problems.append(
                    Problem(f"mpc.{name}", "names a bus that mpc.bus does not have", number, file=str(path))
                )
    return problems


def _convert(case: dict[str, Any], conversions: list[str]) -> None:
    """Apply the unit conversions that the file asks for, ohm to per unit and kW to MW."""
    for conversion in conversions:
        if conversion == _OHM_TO_PU:
            case["branch"][:, [BR_R, BR_X]] /= case["bus"][0, BASE_KV] ** 2 / case["baseMVA"]
        else:
            case["bus"][:, [PD, QD]] /= 1e3


def case_graph(case: dict[str, Any], *, q_limits: bool) -> nx.MultiGraph:
    """The graph of a case: buses by their number, branches named "from-to", "from-to#2" where they are parallel."""
    bus, gen, branch = case["bus"], case["gen"], case["branch"]
    graph = nx.MultiGraph(base_mva=case["baseMVA"])
    gen = gen[gen[:, GEN_STATUS] > 0]
    for row in bus:
        graph.add_node(int(row[BUS_I]), **_node(row, gen[gen[:, GEN_BUS] == row[BUS_I]], q_limits=q_limits))
    isolated = set(bus[bus[:, BUS_TYPE] == ISOLATED, BUS_I].tolist())
    used: Counter[str] = Counter()
    for row in branch:
        name = f"{int(row[F_BUS])}-{int(row[T_BUS])}"
        used[name] += 1
        name = name if used[name] == 1 else f"{name}#{used[name]}"
        closed = bool(row[BR_STATUS] > 0) and not isolated & {row[F_BUS], row[T_BUS]}
        graph.add_edge(int(row[F_BUS]), int(row[T_BUS]), **_edge(row, name, closed=closed))
    return graph


def _node(row: Array, sources: Array, *, q_limits: bool) -> dict[str, Any]:
    """Attributes of a bus: its load and shunt, and its generators in service."""
    kind = {PV: "pv", REF: "slack"}.get(int(row[BUS_TYPE]), "pq")
    if kind == "pv" and not len(sources):
        kind = "pq"  # as MATPOWER's bustypes: nothing is left to regulate
    p_mw, q_mvar = -row[PD], -row[QD]
    if kind != "slack":
        p_mw += sources[:, PG].sum()
    if kind == "pq":
        q_mvar += sources[:, QG].sum()
    node: dict[str, Any] = {"kind": kind, "p_mw": float(p_mw), "q_mvar": float(q_mvar)}
    if row[BASE_KV] > 0:
        node["vn_kv"] = float(row[BASE_KV])
    if row[GS] or row[BS]:
        node |= {"gs_mw": float(row[GS]), "bs_mvar": float(row[BS])}
    if kind != "pq":
        # The last generator at a bus gives the set-point, as in MATPOWER's runpf.
        node["vm_pu"] = float(sources[-1, VG] if len(sources) else row[VM])
    if kind == "slack":
        node["va_deg"] = float(row[VA])
    if kind == "pv" and q_limits:
        node |= {"q_min_mvar": float(sources[:, QMIN].sum()), "q_max_mvar": float(sources[:, QMAX].sum())}
    return node


def _edge(row: Array, name: str, *, closed: bool) -> dict[str, Any]:
    """Attributes of a branch; a ratio of 0 means a line."""
    return {
        "name": name, "from": int(row[F_BUS]), "r_pu": float(row[BR_R]), "x_pu": float(row[BR_X]),
        "b_pu": float(row[BR_B]), "tap_ratio": float(row[TAP]) or 1.0, "shift_deg": float(row[SHIFT]),
        "rate_mva": float(row[RATE_A]), "closed": closed,
    }  # fmt: skip
