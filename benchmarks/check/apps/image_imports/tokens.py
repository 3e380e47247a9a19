import re


def split_tokens(text):
    return re.findall(r"\w+", text.lower())
