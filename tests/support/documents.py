"""Documents in Markdown: their fenced blocks, with the comments and paragraphs before them."""

import re


class Block:
    """A fenced block of a document: its language, its lines, the text of the comment before it, and the paragraph
    before it as one line."""

    def __init__(self, document, number, language, lines, comment, paragraph=""):
        self.place, self.language, self.text = f"{document}:{number}", language, "\n".join(lines)
        self.paragraph = paragraph
        self.comments = dict(part.partition(":")[::2] for part in comment)
        self.comments = {key.strip(): value.strip() for key, value in self.comments.items()}
        unknown = set(self.comments) - {"not run", "run with", "run shortened", "run in", "saved as", "refused"}
        if unknown:
            raise AssertionError(f"{self.place}: a comment that means nothing here: {unknown}")
        if self.comments.get("not run") == "":
            raise AssertionError(f"{self.place}: not run, without a reason")
        for pair in filter(None, self.comments.get("run with", "").split(";")):
            old, new = (word.strip() for word in pair.split("->"))
            if old not in self.text:
                raise AssertionError(f"{self.place}: nothing is called {old}")
            self.text = self.text.replace(old, new)

    def is_sample(self):
        return self.language == "" and self.text.startswith("$ ")


def blocks(document, text):
    """The fenced blocks of a text in Markdown; blocks in lists without their indentation."""
    found, lines, comment, paragraph, has_ended, number = [], text.split("\n"), [], [], False, 0
    while number < len(lines):
        line = lines[number]
        number += 1
        fence = re.fullmatch(r"( *)```(\w*)\s*", line)
        remark = re.fullmatch(r" *<!-- (.*) -->", line)
        if fence:
            start = number
            while lines[number].strip() != "```":
                number += 1
            content = [inner[len(fence[1]) :] for inner in lines[start:number]]
            found.append(Block(document, start, fence[2], content, comment, " ".join(paragraph)))
            number += 1
            comment, paragraph = [], []
        elif remark:
            comment = comment + [remark[1]]
        elif line.strip():
            comment, paragraph = [], ([] if has_ended else paragraph) + [line.strip()]
        has_ended = not line.strip()
    return found
