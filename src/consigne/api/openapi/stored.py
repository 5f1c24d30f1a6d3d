"""Files, uploads and batches of both dialects, as their OpenAPI document says them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from consigne.api.anthropic.batches import CUSTOM_ID, MOST_REQUESTS
from consigne.api.anthropic.files import LEAST_KEPT_S, MOST_KEPT_S
from consigne.api.openai.files import Purpose

Count = Annotated[int, Field(ge=0)]
Binary = Annotated[str, Field(json_schema_extra={"format": "binary"})]


class OpenAIFileForm(BaseModel):
    """A file to store."""

    file: Binary
    purpose: Purpose
    expires_after_anchor: Literal["created_at"] | None = Field(None, alias="expires_after[anchor]")
    expires_after_seconds: int | None = Field(
        None, alias="expires_after[seconds]", ge=3600, le=2_592_000
    )


class OpenAIFile(BaseModel):
    """A file."""

    id: str
    object: Literal["file"]
    bytes: Count
    created_at: int
    expires_at: int | None
    filename: str
    purpose: Purpose | Literal["batch_output"]
    status: Literal["uploaded", "processed", "error"]
    status_details: str | None


class OpenAIFiles(BaseModel):
    """A page of files."""

    object: Literal["list"]
    data: list[OpenAIFile]
    first_id: str | None
    last_id: str | None
    has_more: bool


class OpenAIFileDeleted(BaseModel):
    """A file that is gone."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]


class Upload(BaseModel):
    """A file in parts."""

    id: str
    object: Literal["upload"]
    bytes: Count
    created_at: int
    expires_at: int
    filename: str
    purpose: Purpose
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: OpenAIFile | None


class UploadPartForm(BaseModel):
    """A part to add."""

    data: Binary


class UploadPart(BaseModel):
    """A part of an upload."""

    id: str
    object: Literal["upload.part"]
    created_at: int
    upload_id: str


class BatchProblem(BaseModel):
    """What is wrong with a line of the input."""

    code: str
    message: str
    line: int | None
    param: str | None


class BatchProblems(BaseModel):
    """What is wrong with the input."""

    object: Literal["list"]
    data: list[BatchProblem]


class BatchCounts(BaseModel):
    """What became of the requests so far."""

    total: Count
    completed: Count
    failed: Count


class BatchUsage(BaseModel):
    """Tokens of all answers so far."""

    input_tokens: Count
    input_tokens_details: dict[str, int]
    output_tokens: Count
    output_tokens_details: dict[str, int]
    total_tokens: Count


class OpenAIBatch(BaseModel):
    """A batch."""

    id: str
    object: Literal["batch"]
    endpoint: str
    model: str | None
    errors: BatchProblems | None
    input_file_id: str
    completion_window: Literal["24h"]
    status: Literal[
        "validating",
        "failed",
        "in_progress",
        "finalizing",
        "completed",
        "expired",
        "cancelling",
        "cancelled",
    ]
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: BatchCounts
    usage: BatchUsage
    metadata: dict[str, str] | None


class OpenAIBatches(BaseModel):
    """A page of batches."""

    object: Literal["list"]
    data: list[OpenAIBatch]
    first_id: str | None
    last_id: str | None
    has_more: bool


class AnthropicFileForm(BaseModel):
    """A file to store."""

    file: Binary
    expires_in_seconds: int | None = Field(None, ge=LEAST_KEPT_S, le=MOST_KEPT_S)


class AnthropicFile(BaseModel):
    """A file."""

    type: Literal["file"]
    id: str
    filename: str
    mime_type: str
    size_bytes: Count
    created_at: datetime
    expires_at: datetime | None
    downloadable: bool


class AnthropicFiles(BaseModel):
    """A page of files."""

    data: list[AnthropicFile]
    first_id: str | None
    last_id: str | None
    has_more: bool
    next_page: str | None


class AnthropicFileDeleted(BaseModel):
    """A file that is gone."""

    id: str
    type: Literal["file_deleted"]


class MessageBatchRequest(BaseModel):
    """One request; its parameters are checked when its turn comes."""

    model_config = ConfigDict(extra="forbid")

    custom_id: Annotated[str, Field(pattern=CUSTOM_ID.pattern)]
    params: dict[str, Any]


class MessageBatchBody(BaseModel):
    """The body that makes a batch."""

    model_config = ConfigDict(extra="forbid")

    requests: Annotated[list[MessageBatchRequest], Field(min_length=1, max_length=MOST_REQUESTS)]


message_batch_body: TypeAdapter[MessageBatchBody] = TypeAdapter(MessageBatchBody)


class MessageBatchCounts(BaseModel):
    """What became of the requests; all are processing until the batch has ended."""

    processing: Count
    succeeded: Count
    errored: Count
    canceled: Count
    expired: Count


class MessageBatch(BaseModel):
    """A batch."""

    id: str
    type: Literal["message_batch"]
    processing_status: Literal["in_progress", "canceling", "ended"]
    request_counts: MessageBatchCounts
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    cancel_initiated_at: datetime | None
    archived_at: datetime | None
    results_url: str | None


class MessageBatches(BaseModel):
    """A page of batches."""

    data: list[MessageBatch]
    has_more: bool
    first_id: str | None
    last_id: str | None


class MessageBatchDeleted(BaseModel):
    """A batch that is gone."""

    id: str
    type: Literal["message_batch_deleted"]
