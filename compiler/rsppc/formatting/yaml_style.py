"""The layout of YAML.

The text is walked along its Document, which knows where every key and value stands; all that is between two of them is
signs, spaces, comments and anchors. Runs on a text in which the reader found nothing wrong, with `\\n` as line ends.
"""

from __future__ import annotations

import re
from typing import Any

from rsppc.formatting.lines import STEP, WIDTH, Lines, NoLayout, may_have_columns, stood
from rsppc.formatting.yaml_flow import anchors_between, flow_of
from rsppc.syntax.document import Mapping, Sequence


def layout_of_yaml(root: Mapping) -> str:
    """The text around a root laid out. Raises `NoLayout`."""
    return _Layout(root).laid_out()


_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#.*")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_ANCHOR = re.compile(r"&[A-Za-z0-9_-]+")
_OUT_OF_SIGHT = 1 << 30
"""Column of a level at which no comment can have been meant."""


class _Layout:
    """Where the walk is: `place` is the end of what was laid out last."""

    __slots__ = ("_anchors", "_comments", "_levels", "_opened", "_root", "lines", "place", "text")

    def __init__(self, root: Mapping) -> None:
        self.text = text = root.source.text
        self._root = root
        self.lines = Lines(has_columns=may_have_columns(self.text))
        self.place = 0
        self._comments = "#" in text
        self._anchors = "&" in text
        self._levels: list[tuple[int, int]] = []
        """Column and new margin of each list and mapping around the place; behind them, those of what ended there."""
        self._opened = -1
        """Behind the bracket that opens the root, where it has one: there is no line for a comment behind it."""

    def laid_out(self) -> str:
        root = self._root
        self._begin(root)
        if not root:
            self.lines.written.append("{}")
            self.place = root.end
        else:
            self._block(root, 0, "", in_brackets=self.text[root.start] == "{")
        self._between(len(self.text), 0)
        return self.lines.finished()

    # ---- before the root

    def _begin(self, root: Mapping) -> None:
        """What stands above the first key: comments, perhaps the signs that begin a document, or an anchor."""
        written = self.lines.written
        in_brackets = self.text[root.start] == "{"
        lines = self.text[: root.start].split("\n")
        for number, line in enumerate(lines):
            body = line.strip(" \t")
            if body.startswith("---"):
                written.append("---")
                body = body[3:].lstrip(" \t")
                if body.startswith("#"):
                    self.lines.written[-1] += f"  {body}"
                    body = ""
            anchor = _ANCHOR.match(body)
            if anchor is not None and (in_brackets or number < len(lines) - 1):  # else it is the first key's
                written.append(anchor[0])
                body = body[anchor.end() :].lstrip(" \t")
            if body.startswith(("#", "%")):
                written.append(body)
            elif not line.strip(" \t") and number < len(lines) - 1:
                self.lines.add_blank()
        if in_brackets:
            self._opened = root.start + 1
        self.place = root.start + 1 if in_brackets else root.start - len(lines[-1])

    # ---- between two tokens

    def _between(self, start: int, depth: int, lead: str = "") -> None:
        """Comments and blank lines between what was laid out last and what begins at `start`, `depth` levels deep.

        `lead` is what begins the line that follows. Where it holds a sign, no line of its own was laid out before.
        """
        gap = self.text[self.place : start]
        if not self._comments or "#" not in gap:
            if gap.count("\n") > 1 and start < len(self.text) and _BLANK_LINE.search(gap) is not None:
                self.lines.add_blank()
            self.place = start
            return
        shared = lead.strip(" ")
        first, *others = gap.split("\n")
        found = _COMMENT.search(first)
        if found is not None:
            if not shared and self.place != self._opened and self.lines.may_bear_comment:
                self._put_behind(found[0], self.place + found.start())
            else:
                self.lines.add_comment(_margin(lead), found[0])
        blank = False
        for line in others[:-1] if start < len(self.text) else others:
            found = _COMMENT.search(line)
            if found is None:
                blank = blank or not line.strip(" \t")
                continue
            if blank:
                self.lines.add_blank()
                blank = False
            is_alone = not shared and not line[: found.start()].strip(" \t")
            margin = self._margin_of_comment(found.start(), depth) if is_alone else _margin(lead)
            self.lines.add_comment(margin, found[0])
        if blank and start < len(self.text):
            self.lines.add_blank()
        self.place = start

    def _put_value(self, head: str, value: str, start: int) -> None:
        self.lines.add_value(head, value, *stood(self._root.source, start))

    def _put_behind(self, comment: str, start: int) -> None:
        self.lines.add_behind(comment.rstrip(), *stood(self._root.source, start))

    def _margin_of_comment(self, column: int, depth: int) -> str:
        """A comment belongs to what follows it, or to the deepest list or mapping before it that is not right of it."""
        levels = self._levels
        level = next((one for one in range(len(levels) - 1, depth, -1) if levels[one][0] <= column), depth)
        return " " * levels[level][1]

    def _anchors_between(self, start: int, end: int) -> list[tuple[str, bool]]:
        """Anchors in a gap, and whether each stands on its last line."""
        return anchors_between(self.text, start, end) if self._anchors else []

    # ---- lists and mappings with a line for each entry

    def _block(self, container: Any, depth: int, lead: str, *, in_brackets: bool) -> None:
        """The entries of a list or mapping; `lead` stands before the first one, spaces before the others."""
        indent = len(lead)
        column = _OUT_OF_SIGHT if in_brackets else self._column(container, depth)
        del self._levels[depth:]
        self._levels.append((column, indent))
        if container.__class__ is Mapping:
            self._mapping(container, depth, lead)
        else:
            self._sequence(container, depth, lead)
        if in_brackets:
            self._between(container.end - 1, depth, " " * indent)
            self.place = container.end

    def _column(self, container: Any, depth: int) -> int:
        """The column of a list or mapping, made a little larger where a list stands right under its key."""
        text = self.text
        start = container.start
        if depth and self._levels[depth - 1][0] == _OUT_OF_SIGHT:
            return _OUT_OF_SIGHT
        line = text.rfind("\n", 0, start) + 1
        if self._anchors:
            anchored = re.search(r"&\S+[ \t]+\Z", text[line:start])
            if anchored is not None:
                return anchored.start()
        column: int = start - line
        if depth and column == self._levels[depth - 1][0]:
            return column + 1
        return column

    def _mapping(self, mapping: Mapping, depth: int, lead: str) -> None:
        margin = " " * len(lead)
        places = iter(mapping.at)
        for number, (value, key_start, key_end, start, end) in enumerate(
            zip(mapping.values(), places, places, places, places, strict=True)
        ):
            key = self.text[key_start:key_end]
            if "\n" in key or len(key) > _KEY_CHARACTERS_MAX:
                raise NoLayout
            anchors = self._anchors_between(self.place, key_start)
            self._between(key_start, depth, lead)
            del self._levels[depth + 1 :]
            own = "".join([f"{name} " for name, on_key_line in anchors if on_key_line])
            self.place = key_end
            self._value(value, start, end, f"{lead}{own}{key}:", depth, (mapping, 4 * number))
            lead = margin

    def _sequence(self, sequence: Sequence, depth: int, lead: str) -> None:
        at = sequence.at
        margin = " " * len(lead)
        index = 0
        for value in sequence:
            start, end = at[index : index + 2]
            anchors = self._anchors_between(max(self.place, sequence.start), start)
            # Comments behind the sign go above it, so that what follows can stand behind it.
            self._between(start, depth, lead)
            del self._levels[depth + 1 :]
            self._value(value, start, end, f"{lead}-", depth, (sequence, index), anchors)
            lead = margin
            index += 2

    def _value(
        self,
        value: Any,
        start: int,
        end: int,
        head: str,
        depth: int,
        entry: tuple[Any, int],
        anchors: list[tuple[str, bool]] | None = None,
    ) -> None:
        """A value behind its key, or behind the sign of an item, whose anchors are known already.

        `entry` says which one of which container it is.
        """
        text = self.text
        first = text[start : start + 1]
        is_item = anchors is not None
        if anchors is None:
            anchors = self._anchors_between(self.place, start)
        if (value.__class__ is Mapping or value.__class__ is Sequence) and first != "*":
            if first == "[" or first == "{":
                shown = head + "".join(f" {name}" for name, _ in anchors)
                if not self._on_one_line(value, start, end, shown, entry, is_item=is_item):
                    self._nested(value, start, head, shown, depth, in_brackets=True)
                return
            if value.__class__ is Mapping:
                if is_item and anchors and anchors[-1][1]:  # an anchor on the line of the first key is the key's
                    self.place = text.rfind("&", 0, start)
                anchors = [one for one in anchors if not one[1]]
            shown = head + "".join(f" {name}" for name, _ in anchors)
            self._nested(value, start, head, shown, depth, in_brackets=False)
            return
        head += "".join(f" {name}" for name, _ in anchors)
        self._hoist(start, head)
        if start == end:
            self.lines.written.append(head)
            self.place = max(start, self.place)
            return
        written = text[start:end]
        if first == "|" or first == ">":
            self._block_text(start, f"{head} ", depth)
            return
        if "\n" in written:
            container = entry[0]
            if self._anchors and "&" in text[text.rfind("\n", 0, container.start) + 1 : container.start]:
                raise NoLayout  # how deep lines have to stand behind a first key with an anchor, readers do not agree
            self._many_lines(written, f"{head} ", self._levels[depth][1] + STEP)
        elif is_item:
            self.lines.written.append(f"{head} {written}")
        else:
            self._put_value(f"{head} ", written, start)
        self.place = end

    def _hoist(self, start: int, head: str) -> None:
        """Comments between a key and its value go above the key."""
        if self._comments and "#" in self.text[self.place : start]:
            for line in self.text[self.place : start].split("\n"):
                found = _COMMENT.search(line)
                if found is not None:
                    self.lines.add_comment(_margin(head), found[0])

    def _nested(self, value: Any, start: int, head: str, shown: str, depth: int, *, in_brackets: bool) -> None:
        """A list or mapping with a line for each entry: below its key, or beginning behind the sign of its item."""
        if head[-1] == "-" and head == shown:
            lead = f"{head} "
        else:
            self.lines.written.append(shown)
            lead = " " * (self._levels[depth][1] + STEP)
            if in_brackets:
                self._between(start, depth)
        if in_brackets:
            self.place = start + 1
        self._block(value, depth + 1, lead, in_brackets=in_brackets)

    # ---- brackets

    def _on_one_line(
        self, value: Any, start: int, end: int, head: str, entry: tuple[Any, int], *, is_item: bool
    ) -> bool:
        """Lay brackets out on one line, if they belong on one."""
        line = flow_of(self.text, value)
        if line is None:
            return False
        fits = len(head) + 1 + len(line) <= WIDTH or not value
        if not fits and ("\n" in self.text[start:end] or not _is_row_of_table(self.text, *entry)):
            return False
        self._hoist(start, head)
        if is_item:
            self.lines.written.append(f"{head} {line}")
        else:
            self._put_value(f"{head} ", line, start)
        self.place = end
        return True

    # ---- texts of several lines

    def _many_lines(self, written: str, head: str, indent: int) -> None:
        """A plain or quoted text of several lines: what its lines begin and end with means nothing."""
        margin = " " * indent
        first, *others = written.split("\n")
        self.lines.written.append(_without_end(head + first))
        for line in others:
            line = _without_end(line.lstrip(" \t"))
            self.lines.written.append(margin + line if line else "")

    def _block_text(self, start: int, head: str, depth: int) -> None:
        """A text behind `|` or `>`: its lines stay as they are, with another margin."""
        text = self.text
        margin = " " * (self._levels[depth][1] + STEP)
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        header = _HEADER.match(text, start, line_end)
        assert header is not None
        digit = re.search("[1-9]", header[1])
        body, column = self._body(line_end + 1, int(digit[0]) if digit else None, depth)
        while body and "+" not in header[1] and len(body[-1]) <= column and not body[-1].strip(" "):
            body.pop()  # blank lines behind the text
        self.lines.written.append(head + (header[1].replace(digit[0], str(STEP)) if digit else header[1]))
        if header[2]:
            self._put_behind(header[2], header.start(2))
        for line in body:
            self.lines.written.append(margin + line[column:] if len(line) > column else "")
        self.place = line_end + sum(map(len, body)) + len(body)

    def _body(self, place: int, digit: int | None, depth: int) -> tuple[list[str], int]:
        """The lines of a block text that begins at `place`, and the column at which they begin."""
        around, _ = self._levels[depth]
        if depth and around == self._levels[depth - 1][0] + 1 and self._is_under_key(depth):
            around -= 1
        column = around + digit if digit is not None else _OUT_OF_SIGHT
        body: list[str] = []
        while place < len(self.text):
            end = self.text.find("\n", place)
            end = len(self.text) if end < 0 else end
            line = self.text[place:end]
            if line.strip(" "):
                indent = len(line) - len(line.lstrip(" "))
                column = indent if column == _OUT_OF_SIGHT and indent > around else column
                if indent < column:
                    break
            body.append(line)
            place = end + 1
        return body, column

    def _is_under_key(self, level: int) -> bool:
        """Whether the list of a level stands right under its key, for which its column was made larger."""
        return self._levels[level][1] - self._levels[level - 1][1] == STEP


_HEADER = re.compile(r"([|>][-+0-9]*)[ \t]*(#.*)?")


_KEY_CHARACTERS_MAX = 1000
"""A longer key is no simple one."""


def _without_end(line: str) -> str:
    """A line of a text without the blanks at its end; one behind a backslash is no such blank."""
    cut = line.rstrip(" \t")
    return line if cut.endswith("\\") and cut != line else cut


def _margin(head: str) -> str:
    """The spaces that a line begins with."""
    return head[: len(head) - len(head.lstrip(" "))]


def _is_row_of_table(text: str, container: Any, index: int) -> bool:
    """Whether the entry before or after one is brackets on one line as well, or there is none: tables may be wide."""
    step = 4 if container.__class__ is Mapping else 2
    at = container.at
    if len(at) == step:
        return True
    for other in (index - step, index + step):
        if 0 <= other < len(at):
            start, end = at[other + step - 2 : other + step]
            if text[start : start + 1] in ("[", "{") and "\n" not in text[start:end]:
                return True
    return False
