"""The errors of the HTTP interface: the codes that clients see beside the texts, and their statuses."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, for machines."""

    # The body or a path parameter is not what this document asks for.
    INVALID_REQUEST = "INVALID_REQUEST"
    # The configuration has the right form, and cannot work on this host.
    CONFIG_REFUSED = "CONFIG_REFUSED"
    # The account's stored configuration is not valid any more.
    CONFIG_INVALID = "CONFIG_INVALID"
    # GitHub refuses the token of the configuration.
    GITHUB_TOKEN_REFUSED = "GITHUB_TOKEN_REFUSED"
    # GitHub, a provider or the vector store refuses what it is asked on behalf of the account.
    SERVICE_REFUSED = "SERVICE_REFUSED"
    # What is stored of the repository was embedded by another model; a scan embeds it anew.
    SCAN_NEEDED = "SCAN_NEEDED"
    # The request has no API key, or one that is not known.
    UNAUTHORIZED = "UNAUTHORIZED"
    # The service has no such path.
    NOT_FOUND = "NOT_FOUND"
    # The account does not track the repository.
    REPO_NOT_TRACKED = "REPO_NOT_TRACKED"
    # No scan of the repository is completed yet.
    REPO_NOT_SCANNED = "REPO_NOT_SCANNED"
    # The account has no such scan.
    SCAN_NOT_FOUND = "SCAN_NOT_FOUND"
    # GitHub has no such pull request, or the account's token may not read it.
    PR_NOT_FOUND = "PR_NOT_FOUND"
    # The path is asked for by other methods; the header Allow names them.
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    # The account tracks the repository already.
    REPO_ALREADY_TRACKED = "REPO_ALREADY_TRACKED"
    # The body is larger than the service reads.
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    # The service failed; its log tells why.
    INTERNAL_ERROR = "INTERNAL_ERROR"
    # Scans of the repository began and ended meanwhile; the same request may work in a second.
    SCAN_NOT_STARTED = "SCAN_NOT_STARTED"
    # GitHub, a provider or the vector store cannot be reached for now.
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return _STATUSES[self]


_STATUSES = {
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.CONFIG_REFUSED: 400,
    ErrorCode.CONFIG_INVALID: 400,
    ErrorCode.GITHUB_TOKEN_REFUSED: 400,
    ErrorCode.SERVICE_REFUSED: 400,
    ErrorCode.SCAN_NEEDED: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.REPO_NOT_TRACKED: 404,
    ErrorCode.REPO_NOT_SCANNED: 404,
    ErrorCode.SCAN_NOT_FOUND: 404,
    ErrorCode.PR_NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.REPO_ALREADY_TRACKED: 409,
    ErrorCode.BODY_TOO_LARGE: 413,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.SCAN_NOT_STARTED: 503,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
}
