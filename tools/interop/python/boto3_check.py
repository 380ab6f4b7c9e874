"""Uses a queue with boto3; the argument is the protocol that boto3 must use."""

import sys

import boto3
from botocore.exceptions import ClientError

sqs = boto3.client("sqs")
assert sqs.meta.service_model.protocol == sys.argv[1], sqs.meta.service_model.protocol

# A batch with an invalid entry, and attributes of each kind.
url = sqs.create_queue(QueueName="orders")["QueueUrl"]
attributes = {
    "text": {"DataType": "String", "StringValue": "grün & <b>"},
    "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
}
sent = sqs.send_message_batch(
    QueueUrl=url,
    Entries=[
        {"Id": "good", "MessageBody": "a\r\nb", "MessageAttributes": attributes},
        {"Id": "late", "MessageBody": "c", "DelaySeconds": 901},
    ],
)
assert [entry["Id"] for entry in sent["Successful"]] == ["good"], sent
assert [(entry["Id"], entry["SenderFault"]) for entry in sent["Failed"]] == [("late", True)], sent

received = sqs.receive_message(
    QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5, AttributeNames=["All"], MessageAttributeNames=["All"]
)
(message,) = received["Messages"]
assert message["Body"] == "a\r\nb", message
assert message["MD5OfMessageAttributes"] == sent["Successful"][0]["MD5OfMessageAttributes"], message
assert message["MessageAttributes"] == attributes, message
assert message["Attributes"]["ApproximateReceiveCount"] == "1", message

handle = message["ReceiptHandle"]
sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
(message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": message["ReceiptHandle"]}])
assert not deleted.get("Failed"), deleted
assert "Messages" not in sqs.receive_message(QueueUrl=url)

# FIFO: two sends with the same id are one message.
fifo = sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
for _ in range(2):
    sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="1")
count = ["ApproximateNumberOfMessages"]
assert sqs.get_queue_attributes(QueueUrl=fifo, AttributeNames=count)["Attributes"][count[0]] == "1"

# Pages, the resource interface, and an error with its class.
page = sqs.list_queues(MaxResults=1)
assert len(page["QueueUrls"]) == 1 and page["NextToken"], page
assert boto3.resource("sqs").get_queue_by_name(QueueName="orders").url == url
sqs.delete_queue(QueueUrl=url)
try:
    sqs.get_queue_url(QueueName="orders")
except sqs.exceptions.QueueDoesNotExist:
    pass
else:
    raise AssertionError("a deleted queue was found")
try:
    sqs.create_queue(QueueName="orders")
except ClientError as error:
    assert error.response["Error"]["Code"] == "AWS.SimpleQueueService.QueueDeletedRecently", error.response
else:
    raise AssertionError("the name of a deleted queue was accepted too soon")
