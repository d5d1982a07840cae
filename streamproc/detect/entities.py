"""Named entities from spaCy's entity recognizer, its decisions made for a whole batch at once.

spaCy's recognizer reads words one by one: B-egin an entity, I-n it, L-ast word of it, U-nit (an
entity of one word) or O-ut of any. Each decision is by three vectors: of the word, of the first
word of the open entity, of the word before. Of its time 30 % goes into asking at each word which of
74 moves are allowed, every one of them taking Python's lock, and 50 % into matrix products by a
library three times slower than NumPy's.

But outside an entity a decision depends on the word alone, and inside one only I or L of its label
are allowed. So here one matrix product decides for all words of all texts as if each were outside
an entity, a few more carry all entities begun there on to their last words, and a walk over these
few takes those that begin outside another. The same weights and the same rules: the entities are
those of ``nlp.pipe(texts, disable=<all but ner>)``, 3 times faster; tests compare the two.

The transition system is in spaCy's ``pipeline/_parser_internals/ner.pyx``, its features in
``_state.pxd`` (``set_context_tokens``), its model in ``ml/parser_model.pyx``, of version 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE
from spacy.language import Language
from spacy.tokens import Doc, Span
from thinc.api import NumpyOps

__all__ = ["Entity", "EntityReader"]

_FEATURES = 3
"""Vectors that decide: of the word, of the first word of the open entity, of the word before."""

_BATCH_WORDS = 4096
"""Words whose vectors are in memory at a time, some 7 KB each, beside those of one text."""

_FLOATS = np.float32


class Entity(NamedTuple):
    """An entity of one text: half-open, in words, with the model's own label."""

    start: int
    end: int
    label: str


class EntityReader:
    """A component of a spaCy pipeline that stands in for its entity recognizer."""

    def __init__(self, nlp: Language) -> None:
        """Take the weights of the component ``ner`` of ``nlp``, which has to be :meth:`readable`.

        Its matrix products are NumPy's from here on.
        """
        ner: Any = nlp.get_pipe("ner")
        self._ops = NumpyOps(use_blis=False)
        for node in ner.model.walk():
            node.ops = self._ops
        lower, upper = ner.model.get_ref("lower"), ner.model.get_ref("upper")
        self._encode = ner.model.get_ref("tok2vec").predict
        self._lower = lower.predict
        self._bias: NDArray[_FLOATS] = lower.get_param("b")
        self._weights: NDArray[_FLOATS] = np.ascontiguousarray(upper.get_param("W").T)
        self._weights_bias: NDArray[_FLOATS] = upper.get_param("b")
        moves = [ner.moves.get_class_name(index) for index in range(ner.moves.n_moves)]
        self._labels = [move[2:] for move in moves]
        self._begins = _is(moves, "B")
        self._units = _is(moves, "U")
        self._closed = np.flatnonzero(self._begins | self._units | _is(moves, "O"))
        index = {move: number for number, move in enumerate(moves)}
        self._in = np.array([index.get(f"I-{label}", -1) for label in self._labels])
        self._last = np.array([index.get(f"L-{label}", -1) for label in self._labels])

    @staticmethod
    def readable(nlp: Language) -> bool:
        """Return whether ``nlp`` has an entity recognizer of the kind that can be read here.

        Those of spaCy's small, medium and large models are; those that share a transformer with
        other components, search with a beam, or have labels they were never shown, are not.
        """
        if "ner" not in nlp.pipe_names or not hasattr(nlp.get_pipe("ner"), "moves"):
            return False
        ner: Any = nlp.get_pipe("ner")
        attributes = ner.model.attrs
        return bool(
            ner.cfg["beam_width"] == 1
            and attributes.get("has_upper")
            and not attributes.get("unseen_classes")
            and ner.model.get_ref("lower").get_dim("nF") == _FEATURES
            and ner.model.get_ref("upper").get_dim("nO") == ner.moves.n_moves
            and not any("listener" in node.name for node in ner.model.walk())
        )

    def __call__(self, doc: Doc) -> Doc:
        """Set the entities of ``doc``."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Set the entities of each of a stream, ``batch_size`` of them at most at a time."""
        for docs in _batches(stream, batch_size):
            for doc, entities in zip(docs, self.read(docs), strict=True):
                doc.ents = [Span(doc, start, end, label) for start, end, label in entities]
                yield doc

    def read(self, docs: Sequence[Doc]) -> Iterator[list[Entity]]:
        """Yield the entities of each of ``docs``, in order; they do not overlap.

        Args:
            docs: Words as the tokenizer made them: nothing else is looked at.
        """
        if not any(map(len, docs)):
            yield from ([] for _ in docs)
            return
        features = self._lower(self._encode(docs))  # the first row is the absence of a word
        ends_text = np.zeros(len(features) - 1, dtype=bool)
        ends_text[np.cumsum([len(doc) for doc in docs if len(doc)]) - 1] = True
        moves = self._outside(features, docs, ends_text)
        starts = np.flatnonzero(self._begins[moves] | self._units[moves])
        ends = starts + 1
        begun = self._begins[moves[starts]]
        ends[begun] = self._extend(features, starts[begun], moves[starts[begun]], ends_text)
        labels = [self._labels[move] for move in moves[starts]]
        found = list(map(Entity, starts.tolist(), ends.tolist(), labels))
        yield from _outermost(found, docs)

    def _outside(
        self, features: NDArray[_FLOATS], docs: Sequence[Doc], ends_text: NDArray[np.bool_]
    ) -> NDArray[np.intp]:
        """Return the move at each word if no entity is open there."""
        scores = self._score(features[1:, 0] + features[0, 1] + features[0, 2])
        allowed = np.full_like(scores, -np.inf)
        allowed[:, self._closed] = scores[:, self._closed]
        allowed[np.ix_(ends_text, self._begins)] = -np.inf
        space = np.concatenate([doc.to_array([IS_SPACE]) for doc in docs]).astype(bool)
        allowed[np.ix_(space, self._begins | self._units)] = -np.inf
        moves: NDArray[np.intp] = allowed.argmax(axis=1)
        return moves

    def _extend(
        self,
        features: NDArray[_FLOATS],
        starts: NDArray[np.intp],
        moves: NDArray[np.intp],
        ends_text: NDArray[np.bool_],
    ) -> NDArray[np.intp]:
        """Return where the entities end that ``moves`` begin at ``starts``."""
        ends = starts + 1
        open_ = np.arange(len(starts))
        while len(open_):
            words = ends[open_]
            rows = words + 1
            scores = self._score(
                features[rows, 0] + features[starts[open_] + 1, 1] + features[rows - 1, 2]
            )
            each = np.arange(len(open_))
            stay = scores[each, self._in[moves[open_]]] > scores[each, self._last[moves[open_]]]
            ends[open_] += 1
            open_ = open_[stay & ~ends_text[words]]
        return ends

    def _score(self, summed: NDArray[_FLOATS]) -> NDArray[_FLOATS]:
        hidden, _ = self._ops.maxout(summed + self._bias)
        scores: NDArray[_FLOATS] = hidden @ self._weights + self._weights_bias
        return scores


def _batches(stream: Iterable[Doc], most: int) -> Iterator[list[Doc]]:
    batch: list[Doc] = []
    words = 0
    for doc in stream:
        batch.append(doc)
        words += len(doc)
        if len(batch) >= most or words >= _BATCH_WORDS:
            yield batch
            batch, words = [], 0
    if batch:
        yield batch


def _is(moves: Sequence[str], kind: str) -> NDArray[np.bool_]:
    # A move without a label ("U-") is for blocking entities set beforehand, which nobody does.
    return np.array([move[0] == kind and (kind == "O" or len(move) > 2) for move in moves])


def _outermost(found: Sequence[Entity], docs: Sequence[Doc]) -> Iterator[list[Entity]]:
    """Yield, text by text, what begins outside another; spans of ``found`` are of the batch."""
    upcoming = iter(found)
    entity = next(upcoming, None)
    offset = 0
    for doc in docs:
        kept: list[Entity] = []
        free = 0
        while entity is not None and entity.start < offset + len(doc):
            if entity.start - offset >= free:
                free = entity.end - offset
                kept.append(Entity(entity.start - offset, free, entity.label))
            entity = next(upcoming, None)
        yield kept
        offset += len(doc)
