"""An S3 server on a free port, by the moto package, with one empty bucket named "lake".

Prints the port, serves from memory, and ends with its standard input.
"""

import sys

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
host, port = server.get_host_and_port()
boto3.client(
    "s3",
    endpoint_url=f"http://{host}:{port}",
    region_name="us-east-1",
    aws_access_key_id="writer",
    aws_secret_access_key="writer's secret",
).create_bucket(Bucket="lake")
print(port, flush=True)
sys.stdin.read()
