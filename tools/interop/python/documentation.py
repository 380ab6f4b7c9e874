"""Prints the text of Amazon's SQS API reference from botocore, without markup and with single spaces."""

import html
import re

import botocore.session


def texts(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "documentation" and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


model = botocore.session.Session().get_component("data_loader").load_service_model("sqs", "service-2")
for text in texts(model):
    print(" ".join(html.unescape(re.sub("<[^>]*>", "", text)).split()))
