"""Check that a model's text is one whole LightGBM model, before the library reads it.

The library believes the text: an index out of range becomes a read out of bounds, a ring of nodes an answer that never
comes, a missing line a crash. Golden rows do not pass through every node, so they cannot tell.
"""

import math
import re
import sys
from collections.abc import Mapping

from readmit_contracts.bundle import MODEL_FILE, BundleInvalid
from readmit_contracts.reasons import Reason

MOST_TREES = 10_000
LARGEST_LEAF = 1e6  # log-odds; a sum of them stays far from infinity

_FIXED = ("tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0")
_OTHERS = ("max_feature_idx", "objective", "feature_names", "feature_infos", "tree_sizes")
_OBJECTIVE = "binary sigmoid:1"
_COUNTS = ("num_leaves", "num_cat")
_BY_NODE = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_BY_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_MORE_BY_NODE = ("internal_value", "internal_weight", "internal_count")
_KEYS = (*_COUNTS, *_BY_NODE, *_BY_LEAF, *_MORE_BY_NODE, "is_linear", "shrinkage")
_NUMBER = re.compile(r"-?([0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?|inf)")
_INDEX = re.compile(r"-?[0-9]{1,9}")
_DECISIONS = frozenset((0, 2, 4, 6, 8, 10))  # numeric; missing values by one of three rules, to either side
_AFTER_TREES = "end of trees\n"


def check_model_text(data: bytes, *, features: int) -> None:
    """Return when the text is a binary model on `features` numbers whose every tree is one; else raise BundleInvalid.

    Linear trees and native categories are refused: no recipe makes them.
    """
    if not data.isascii() or b"\0" in data or b"\r" in data:
        raise _invalid("is no text of a model")
    head, _, trees = data.decode("ascii").partition("\n\n")
    at = 0
    for number, size in enumerate(_read_head(head, features)):
        _check_tree(trees[at : at + size], number, features)
        at += size
    if not trees.startswith(_AFTER_TREES, at):
        raise _invalid("does not end its trees where its head says")


def _read_head(head: str, features: int) -> list[int]:
    """Return the trees' sizes, in characters."""
    lines = head.split("\n")
    fields = dict(line.partition("=")[::2] for line in lines[len(_FIXED) :])
    if tuple(lines[: len(_FIXED)]) != _FIXED or (*fields,) != _OTHERS or len(lines) != len(_FIXED) + len(_OTHERS):
        raise _invalid("does not begin as a model of two classes")
    if fields["objective"] != _OBJECTIVE:
        raise _invalid("does not give probabilities of two classes")
    sizes = _indices(fields["tree_sizes"])
    told = {_index(fields["max_feature_idx"]) + 1, *(len(fields[name].split(" ")) for name in _OTHERS[2:4])}
    if told != {features}:
        raise _invalid(f"takes another number of features than the {features} of the feature definition")
    if not 1 <= len(sizes) <= MOST_TREES or min(sizes) < 1:
        raise _invalid(f"has no trees, or more than {MOST_TREES}")
    return sizes


def _check_tree(block: str, number: int, features: int) -> None:
    lines = block.split("\n")
    fields = dict(line.partition("=")[::2] for line in lines[1:-3])
    if lines[0] != f"Tree={number}" or lines[-3:] != ["", "", ""] or len(lines) != len(_KEYS) + 4:
        raise _invalid(f"is cut or grown at tree {number}")
    if (*fields,) != _KEYS or fields["num_cat"] != "0" or fields["is_linear"] != "0":
        raise _invalid(f"has a tree {number} of another kind")
    leaves = _index(fields["num_leaves"])
    _numbers(fields["leaf_value"], leaves, most=LARGEST_LEAF)
    _numbers(fields["shrinkage"], 1)
    if leaves > 1:  # of a tree without a node the library reads no more
        _check_nodes(fields, leaves - 1, number, features)


def _check_nodes(fields: Mapping[str, str], nodes: int, number: int, features: int) -> None:
    _numbers(fields["threshold"], nodes, most=math.inf)  # infinity tells missing values from all others
    for names, count in ((("split_gain", *_MORE_BY_NODE), nodes), (_BY_LEAF[1:], nodes + 1)):
        for name in names:
            _numbers(fields[name], count)
    splits, decisions = _indices(fields["split_feature"]), _indices(fields["decision_type"])
    if len(splits) != nodes or not 0 <= min(splits) <= max(splits) < features:
        raise _invalid(f"splits by a feature that there is not, in tree {number}")
    if len(decisions) != nodes or not _DECISIONS.issuperset(decisions):
        raise _invalid(f"decides in an unknown way in tree {number}")
    left, right = _indices(fields["left_child"]), _indices(fields["right_child"])
    # every node but the first, and every leaf (-1 is the first), is the child of one node before it: a tree, no ring
    ordered = all(child < 0 or child > node for side in (left, right) for node, child in enumerate(side))
    if not ordered or len(left) != nodes or sorted(left + right) != [*range(-nodes - 1, 0), *range(1, nodes)]:
        raise _invalid(f"has nodes that make no tree, in tree {number}")


def _numbers(text: str, count: int, *, most: float = sys.float_info.max) -> None:
    words = text.split(" ")
    if len(words) != count or not all(map(_NUMBER.fullmatch, words)):
        raise _invalid(f"has something else where {count} numbers belong")
    if any(abs(float(word)) > most for word in words):
        raise _invalid(f"has a number beyond {most:g}")


def _indices(text: str) -> list[int]:
    return [_index(word) for word in text.split(" ")]


def _index(word: str) -> int:
    if _INDEX.fullmatch(word) is None:
        raise _invalid("has something else where an index belongs")
    return int(word)


def _invalid(problem: str) -> BundleInvalid:
    return BundleInvalid(Reason.BUNDLE_INVALID, f"{MODEL_FILE} {problem}; train again.")
