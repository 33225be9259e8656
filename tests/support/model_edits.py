"""Damage a LightGBM model's text in ways that LightGBM itself does not look for, at a place chosen by chance."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from numpy.random import Generator

Edit = Callable[[bytes, Generator], bytes]


def _lines(key: str, text: bytes) -> list[re.Match[bytes]]:
    return list(re.finditer(rb"^" + key.encode() + rb"=.*$", text, re.MULTILINE))


def _in_line(key: str, change: Callable[[list[bytes], int], None]) -> Edit:
    """Give an edit of one word of one tree's line."""

    def edit(text: bytes, chance: Generator) -> bytes:
        lines = _lines(key, text)
        line = lines[chance.integers(len(lines))]
        words = line.group().partition(b"=")[2].split(b" ")
        change(words, int(chance.integers(len(words))))
        return text[: line.start()] + key.encode() + b"=" + b" ".join(words) + text[line.end() :]

    return _fitted(edit)


def _fitted(edit: Edit) -> Edit:
    """Give the edit that also makes the sizes of the trees fit, so that only what was edited is wrong."""

    def fitted(text: bytes, chance: Generator) -> bytes:
        edited = edit(text, chance)
        blocks = re.split(rb"(?m)^(?=Tree=|end of trees)", edited)[1:-1]
        sizes = b"tree_sizes=" + b" ".join(str(len(block)).encode() for block in blocks)
        return re.sub(rb"(?m)^tree_sizes=.*$", sizes, edited, count=1)

    return fitted


def _set(value: bytes) -> Callable[[list[bytes], int], None]:
    def change(words: list[bytes], at: int) -> None:
        words[at] = value

    return change


def _drop(words: list[bytes], at: int) -> None:
    del words[at]


def _double(words: list[bytes], at: int) -> None:
    words.insert(at, words[at])


def _ring(words: list[bytes], at: int) -> None:
    words[at] = str(at).encode()


def _without(key: str) -> Edit:
    def edit(text: bytes, chance: Generator) -> bytes:
        lines = _lines(key, text)
        line = lines[chance.integers(len(lines))]
        return text[: line.start()] + text[line.end() + 1 :]

    return _fitted(edit)


def _head(key: str, value: bytes) -> Edit:
    def edit(text: bytes, _chance: Generator) -> bytes:
        return re.sub(rb"(?m)^" + key.encode() + rb"=.*$", key.encode() + b"=" + value, text, count=1)

    return edit


def _cut(text: bytes, chance: Generator) -> bytes:
    return text[: chance.integers(text.index(b"end of trees"))]


EDITS: Mapping[str, Edit] = MappingProxyType(
    {
        "left child behind the nodes": _in_line("left_child", _set(b"999")),
        "right child behind the nodes": _in_line("right_child", _set(b"2147483647")),
        "left child before the leaves": _in_line("left_child", _set(b"-999")),
        "right child that is its own parent": _in_line("right_child", _ring),
        "left child that is the root": _in_line("left_child", _set(b"0")),
        "a child too few": _in_line("left_child", _drop),
        "a child too many": _in_line("right_child", _double),
        "split feature too large": _in_line("split_feature", _set(b"86")),
        "split feature far too large": _in_line("split_feature", _set(b"99999999")),
        "split feature below zero": _in_line("split_feature", _set(b"-1")),
        "split feature that is no number": _in_line("split_feature", _set(b"x")),
        "threshold missing": _in_line("threshold", _drop),
        "threshold not a number": _in_line("threshold", _set(b"nan")),
        "leaf not a number": _in_line("leaf_value", _set(b"nan")),
        "leaf infinite": _in_line("leaf_value", _set(b"inf")),
        "leaf huge": _in_line("leaf_value", _set(b"1e308")),
        "leaf beyond all numbers": _in_line("leaf_value", _set(b"1e999")),
        "leaf of two points": _in_line("leaf_value", _set(b"1.2.3")),
        "a leaf too few": _in_line("leaf_value", _drop),
        "categorical split": _in_line("decision_type", _set(b"1")),
        "unknown decision": _in_line("decision_type", _set(b"127")),
        "more leaves than there are": _in_line("num_leaves", _set(b"4000000")),
        "leaves below zero": _in_line("num_leaves", _set(b"-5")),
        "categories that are not there": _in_line("num_cat", _set(b"3")),
        "linear tree without its lines": _in_line("is_linear", _set(b"1")),
        "no left children": _without("left_child"),
        "no leaves": _without("leaf_value"),
        "no number of leaves": _without("num_leaves"),
        "another number of features": _head("max_feature_idx", b"9"),
        "a huge number of features": _head("max_feature_idx", b"2147483646"),
        "three classes": _head("num_class", b"3"),
        "three trees an iteration": _head("num_tree_per_iteration", b"3"),
        "another objective": _head("objective", b"regression"),
        "objective of three classes": _head("objective", b"multiclass num_class:3"),
        "sizes of a million trees": _head("tree_sizes", b" ".join([b"3000"] * 1_000_000)),
        "sizes that reach behind the end": _head("tree_sizes", b"99999999 1"),
        "no sizes": _head("tree_sizes", b""),
        "cut anywhere": _cut,
    }
)
