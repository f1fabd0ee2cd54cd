"""What wrangler.toml calls the Worker's bindings and queues."""

DATABASE = "DB"
PIPELINE_QUEUE = "PIPELINE_QUEUE"
DEAD_LETTER_QUEUE_NAME = "ossgard-pipeline-dlq"
BATCH_POLLER = "BATCH_POLLER"
