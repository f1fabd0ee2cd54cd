"""The OpenAPI 3.1 document of the HTTP interface."""

from ossgard import json_text
from ossgard.model import JsonObject

OPENAPI: JsonObject = json_text.decode(r"""
{
 "openapi": "3.1.0",
 "info": {
  "title": "ossgard",
  "version": "0.1.0",
  "description": "Finds duplicate pull requests in a GitHub repository and ranks the best of each group."
 },
 "paths": {
  "/health": {
   "get": {
    "operationId": "getHealth",
    "summary": "Whether the service answers.",
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Health"
        }
       }
      }
     }
    },
    "security": []
   }
  },
  "/openapi.json": {
   "get": {
    "operationId": "getOpenApi",
    "summary": "This document.",
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "type": "object"
        }
       }
      }
     }
    },
    "security": []
   }
  },
  "/accounts": {
   "post": {
    "operationId": "createAccount",
    "summary": "Register an account. GitHub must accept the token; services that cannot be reached are warned about.",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "$ref": "#/components/schemas/CreateAccount"
       }
      }
     }
    },
    "responses": {
     "201": {
      "description": "Created",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/CreatedAccount"
        }
       }
      }
     },
     "400": {
      "description": "Bad Request",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/ValidationError"
        }
       }
      }
     }
    },
    "security": []
   }
  },
  "/accounts/me": {
   "get": {
    "operationId": "getMe",
    "summary": "The caller's account.",
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/AccountView"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   },
   "put": {
    "operationId": "updateMe",
    "summary": "Replace the caller's configuration.",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "$ref": "#/components/schemas/UpdateAccount"
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/UpdatedAccount"
        }
       }
      }
     },
     "400": {
      "description": "Bad Request",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/ValidationError"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/repos": {
   "get": {
    "operationId": "listRepos",
    "summary": "The repositories that the caller tracks.",
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "type": "array",
         "items": {
          "$ref": "#/components/schemas/RepoOverview"
         }
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   },
   "post": {
    "operationId": "createRepo",
    "summary": "Track a repository.",
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "$ref": "#/components/schemas/CreateRepo"
       }
      }
     }
    },
    "responses": {
     "201": {
      "description": "Created",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Repo"
        }
       }
      }
     },
     "400": {
      "description": "Bad Request",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/ValidationError"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     },
     "409": {
      "description": "Conflict",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/repos/{owner}/{name}": {
   "delete": {
    "operationId": "deleteRepo",
    "summary": "Stop tracking a repository, and delete what is stored of it.",
    "parameters": [
     {
      "name": "owner",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     },
     {
      "name": "name",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     }
    ],
    "responses": {
     "204": {
      "description": "No Content"
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     },
     "404": {
      "description": "Not Found",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/repos/{owner}/{name}/scan": {
   "post": {
    "operationId": "startScan",
    "summary": "Start a scan, tracking the repository if it is new; an active scan is answered with its id.",
    "parameters": [
     {
      "name": "owner",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     },
     {
      "name": "name",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     }
    ],
    "requestBody": {
     "required": false,
     "content": {
      "application/json": {
       "schema": {
        "$ref": "#/components/schemas/ScanOptions"
       }
      }
     }
    },
    "responses": {
     "202": {
      "description": "Accepted",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/StartedScan"
        }
       }
      }
     },
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/ActiveScan"
        }
       }
      }
     },
     "400": {
      "description": "Bad Request",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/ValidationError"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/scans/{scanId}": {
   "get": {
    "operationId": "getScan",
    "summary": "A scan and its progress.",
    "parameters": [
     {
      "name": "scanId",
      "in": "path",
      "required": true,
      "schema": {
       "type": "integer"
      }
     }
    ],
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Scan"
        }
       }
      }
     },
     "400": {
      "description": "Bad Request",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     },
     "404": {
      "description": "Not Found",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/repos/{owner}/{name}/dupes": {
   "get": {
    "operationId": "getDupes",
    "summary": "The duplicate groups of the latest completed scan, best pull request first.",
    "parameters": [
     {
      "name": "owner",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     },
     {
      "name": "name",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     }
    ],
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Dupes"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     },
     "404": {
      "description": "Not Found",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/repos/{owner}/{name}/review/{prNumber}": {
   "get": {
    "operationId": "getReview",
    "summary": "A pull request with the groups it is in and those most like it; one that is not stored is read and embedded.",
    "parameters": [
     {
      "name": "owner",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     },
     {
      "name": "name",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     },
     {
      "name": "prNumber",
      "in": "path",
      "required": true,
      "schema": {
       "type": "integer"
      }
     }
    ],
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Review"
        }
       }
      }
     },
     "400": {
      "description": "Bad Request",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     },
     "404": {
      "description": "Not Found",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     },
     "503": {
      "description": "Service Unavailable",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/clear-scans": {
   "post": {
    "operationId": "clearScans",
    "summary": "Delete the caller's scans.",
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Ok"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/clear-repos": {
   "post": {
    "operationId": "clearRepos",
    "summary": "Delete the caller's repositories, with their scans.",
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Ok"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  },
  "/reset": {
   "post": {
    "operationId": "resetAll",
    "summary": "Delete the caller's account with all that belongs to it.",
    "responses": {
     "200": {
      "description": "OK",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Ok"
        }
       }
      }
     },
     "401": {
      "description": "Unauthorized",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Error"
        }
       }
      }
     }
    },
    "security": [
     {
      "apiKey": []
     }
    ]
   }
  }
 },
 "components": {
  "schemas": {
   "ScanStatus": {
    "type": "string",
    "enum": [
     "queued",
     "ingesting",
     "embedding",
     "clustering",
     "verifying",
     "ranking",
     "done",
     "failed",
     "paused"
    ]
   },
   "PRState": {
    "type": "string",
    "enum": [
     "open",
     "closed",
     "merged"
    ]
   },
   "LlmProvider": {
    "type": "string",
    "enum": [
     "ollama",
     "anthropic",
     "openai"
    ]
   },
   "EmbeddingProvider": {
    "type": "string",
    "enum": [
     "ollama",
     "openai"
    ]
   },
   "Progress": {
    "type": "object",
    "properties": {
     "done": {
      "type": "integer"
     },
     "total": {
      "type": "integer"
     },
     "note": {
      "type": [
       "string",
       "null"
      ]
     }
    },
    "required": [
     "done",
     "total",
     "note"
    ]
   },
   "Repo": {
    "type": "object",
    "description": "A repository that an account tracks.",
    "properties": {
     "id": {
      "type": "integer"
     },
     "owner": {
      "type": "string"
     },
     "name": {
      "type": "string"
     },
     "lastScanAt": {
      "type": [
       "string",
       "null"
      ]
     },
     "createdAt": {
      "type": "string"
     }
    },
    "required": [
     "id",
     "owner",
     "name",
     "lastScanAt",
     "createdAt"
    ]
   },
   "RepoOverview": {
    "type": "object",
    "description": "A repository with its number of stored pull requests and its active scan, if there is one.",
    "properties": {
     "id": {
      "type": "integer"
     },
     "owner": {
      "type": "string"
     },
     "name": {
      "type": "string"
     },
     "lastScanAt": {
      "type": [
       "string",
       "null"
      ]
     },
     "createdAt": {
      "type": "string"
     },
     "prCount": {
      "type": "integer"
     },
     "activeScanStatus": {
      "anyOf": [
       {
        "$ref": "#/components/schemas/ScanStatus"
       },
       {
        "type": "null"
       }
      ]
     },
     "activeScanPrCount": {
      "type": [
       "integer",
       "null"
      ]
     },
     "activeScanDupeGroupCount": {
      "type": [
       "integer",
       "null"
      ]
     }
    },
    "required": [
     "id",
     "owner",
     "name",
     "lastScanAt",
     "createdAt",
     "prCount",
     "activeScanStatus",
     "activeScanPrCount",
     "activeScanDupeGroupCount"
    ]
   },
   "Scan": {
    "type": "object",
    "description": "One run of the pipeline over a repository.",
    "properties": {
     "id": {
      "type": "integer"
     },
     "repoId": {
      "type": "integer"
     },
     "status": {
      "$ref": "#/components/schemas/ScanStatus"
     },
     "phaseCursor": {
      "type": [
       "object",
       "null"
      ]
     },
     "prCount": {
      "type": "integer"
     },
     "dupeGroupCount": {
      "type": "integer"
     },
     "inputTokens": {
      "type": "integer"
     },
     "outputTokens": {
      "type": "integer"
     },
     "startedAt": {
      "type": "string"
     },
     "completedAt": {
      "type": [
       "string",
       "null"
      ]
     },
     "error": {
      "type": [
       "string",
       "null"
      ]
     },
     "progress": {
      "anyOf": [
       {
        "$ref": "#/components/schemas/Progress"
       },
       {
        "type": "null"
       }
      ]
     }
    },
    "required": [
     "id",
     "repoId",
     "status",
     "phaseCursor",
     "prCount",
     "dupeGroupCount",
     "inputTokens",
     "outputTokens",
     "startedAt",
     "completedAt",
     "error",
     "progress"
    ]
   },
   "GitHubConfig": {
    "type": "object",
    "description": "How to reach GitHub.",
    "properties": {
     "token": {
      "type": "string",
      "minLength": 1,
      "maxLength": 1024
     }
    },
    "required": [
     "token"
    ]
   },
   "LlmConfig": {
    "type": "object",
    "description": "The chat model that verifies and ranks.",
    "properties": {
     "provider": {
      "$ref": "#/components/schemas/LlmProvider"
     },
     "url": {
      "type": "string",
      "maxLength": 2048,
      "format": "uri"
     },
     "model": {
      "type": "string",
      "minLength": 1,
      "maxLength": 256
     },
     "api_key": {
      "type": "string",
      "maxLength": 1024,
      "default": ""
     },
     "batch": {
      "type": "boolean",
      "description": "Send verify and rank through the provider's batch interface."
     },
     "context_tokens": {
      "type": "integer",
      "minimum": 4096,
      "maximum": 10000000,
      "description": "The tokens that the model holds, question and answer together; assumed when absent."
     }
    },
    "required": [
     "provider",
     "url",
     "model"
    ]
   },
   "EmbeddingConfig": {
    "type": "object",
    "description": "The model that embeds.",
    "properties": {
     "provider": {
      "$ref": "#/components/schemas/EmbeddingProvider"
     },
     "url": {
      "type": "string",
      "maxLength": 2048,
      "format": "uri"
     },
     "model": {
      "type": "string",
      "minLength": 1,
      "maxLength": 256
     },
     "api_key": {
      "type": "string",
      "maxLength": 1024,
      "default": ""
     },
     "batch": {
      "type": "boolean",
      "description": "Send embeddings through the provider's batch interface."
     }
    },
    "required": [
     "provider",
     "url",
     "model"
    ]
   },
   "VectorStoreConfig": {
    "type": "object",
    "description": "A Qdrant server; without one the local host keeps vectors in its SQLite file and the cloud host in Vectorize.",
    "properties": {
     "url": {
      "type": "string",
      "maxLength": 2048,
      "format": "uri"
     },
     "api_key": {
      "type": "string",
      "maxLength": 1024,
      "default": ""
     }
    },
    "required": [
     "url"
    ]
   },
   "ScanConfig": {
    "type": "object",
    "description": "How scans of this account behave.",
    "properties": {
     "concurrency": {
      "type": "integer",
      "minimum": 1,
      "maximum": 6
     },
     "code_similarity_threshold": {
      "type": "number",
      "minimum": 0,
      "maximum": 1,
      "description": "0.85 when absent."
     },
     "intent_similarity_threshold": {
      "type": "number",
      "minimum": 0,
      "maximum": 1,
      "description": "0.80 when absent."
     }
    }
   },
   "AiGatewayConfig": {
    "type": "object",
    "description": "A Cloudflare AI Gateway that provider calls go through.",
    "properties": {
     "account_id": {
      "type": "string",
      "pattern": "^[A-Za-z0-9_-]{1,64}$"
     },
     "gateway_name": {
      "type": "string",
      "pattern": "^[A-Za-z0-9_-]{1,64}$"
     },
     "cache_ttl": {
      "type": "integer",
      "minimum": 60,
      "maximum": 2592000,
      "description": "Seconds for which the gateway answers a repeated chat request from its cache."
     }
    },
    "required": [
     "account_id",
     "gateway_name"
    ]
   },
   "Config": {
    "type": "object",
    "description": "The services an account uses.",
    "properties": {
     "github": {
      "$ref": "#/components/schemas/GitHubConfig"
     },
     "llm": {
      "$ref": "#/components/schemas/LlmConfig"
     },
     "embedding": {
      "$ref": "#/components/schemas/EmbeddingConfig"
     },
     "vector_store": {
      "$ref": "#/components/schemas/VectorStoreConfig"
     },
     "scan": {
      "$ref": "#/components/schemas/ScanConfig"
     },
     "ai_gateway": {
      "$ref": "#/components/schemas/AiGatewayConfig"
     }
    },
    "required": [
     "github",
     "llm",
     "embedding"
    ]
   },
   "Health": {
    "type": "object",
    "properties": {
     "status": {
      "type": "string",
      "description": "`ok`"
     }
    },
    "required": [
     "status"
    ]
   },
   "CreateAccount": {
    "type": "object",
    "properties": {
     "label": {
      "type": [
       "string",
       "null"
      ],
      "maxLength": 200
     },
     "config": {
      "$ref": "#/components/schemas/Config"
     }
    },
    "required": [
     "config"
    ]
   },
   "CreatedAccount": {
    "type": "object",
    "properties": {
     "apiKey": {
      "type": "string",
      "description": "Shown once; only its SHA-256 is stored."
     },
     "warnings": {
      "type": "array",
      "items": {
       "type": "string"
      }
     }
    },
    "required": [
     "apiKey",
     "warnings"
    ]
   },
   "AccountView": {
    "type": "object",
    "description": "The caller's account; secrets show their last four characters.",
    "properties": {
     "id": {
      "type": "integer"
     },
     "label": {
      "type": [
       "string",
       "null"
      ]
     },
     "config": {
      "type": "object"
     },
     "createdAt": {
      "type": "string"
     },
     "updatedAt": {
      "type": "string"
     }
    },
    "required": [
     "id",
     "label",
     "config",
     "createdAt",
     "updatedAt"
    ]
   },
   "UpdateAccount": {
    "type": "object",
    "description": "A secret sent back as it was shown (`****` and four characters) stays as it is.",
    "properties": {
     "label": {
      "type": [
       "string",
       "null"
      ],
      "maxLength": 200
     },
     "config": {
      "$ref": "#/components/schemas/Config"
     }
    },
    "required": [
     "config"
    ]
   },
   "UpdatedAccount": {
    "type": "object",
    "properties": {
     "updated": {
      "type": "boolean"
     },
     "warnings": {
      "type": "array",
      "items": {
       "type": "string"
      }
     }
    },
    "required": [
     "updated",
     "warnings"
    ]
   },
   "CreateRepo": {
    "type": "object",
    "properties": {
     "owner": {
      "type": "string",
      "minLength": 1,
      "maxLength": 100,
      "pattern": "^[^/\\s]+$"
     },
     "name": {
      "type": "string",
      "minLength": 1,
      "maxLength": 100,
      "pattern": "^[^/\\s]+$"
     }
    },
    "required": [
     "owner",
     "name"
    ]
   },
   "ScanOptions": {
    "type": "object",
    "properties": {
     "full": {
      "type": "boolean",
      "default": false,
      "description": "Read every pull request again; ignore what is stored."
     },
     "maxPrs": {
      "type": "integer",
      "minimum": 1,
      "maximum": 9007199254740991,
      "description": "Scan at most this many pull requests."
     }
    }
   },
   "StartedScan": {
    "type": "object",
    "properties": {
     "scanId": {
      "type": "integer"
     },
     "jobId": {
      "type": "string"
     },
     "status": {
      "$ref": "#/components/schemas/ScanStatus"
     }
    },
    "required": [
     "scanId",
     "jobId",
     "status"
    ]
   },
   "ActiveScan": {
    "type": "object",
    "properties": {
     "scanId": {
      "type": "integer"
     },
     "status": {
      "$ref": "#/components/schemas/ScanStatus"
     }
    },
    "required": [
     "scanId",
     "status"
    ]
   },
   "DupeMember": {
    "type": "object",
    "properties": {
     "prId": {
      "type": "integer"
     },
     "prNumber": {
      "type": "integer"
     },
     "title": {
      "type": "string"
     },
     "author": {
      "type": "string"
     },
     "state": {
      "$ref": "#/components/schemas/PRState"
     },
     "rank": {
      "type": "integer"
     },
     "score": {
      "type": "number"
     },
     "rationale": {
      "type": [
       "string",
       "null"
      ]
     }
    },
    "required": [
     "prId",
     "prNumber",
     "title",
     "author",
     "state",
     "rank",
     "score",
     "rationale"
    ]
   },
   "DupeGroupView": {
    "type": "object",
    "properties": {
     "groupId": {
      "type": "integer"
     },
     "label": {
      "type": [
       "string",
       "null"
      ]
     },
     "prCount": {
      "type": "integer"
     },
     "members": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/DupeMember"
      }
     }
    },
    "required": [
     "groupId",
     "label",
     "prCount",
     "members"
    ]
   },
   "Dupes": {
    "type": "object",
    "properties": {
     "repo": {
      "type": "string",
      "description": "`owner/name`"
     },
     "scanId": {
      "type": "integer"
     },
     "completedAt": {
      "type": [
       "string",
       "null"
      ]
     },
     "groupCount": {
      "type": "integer"
     },
     "groups": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/DupeGroupView"
      }
     }
    },
    "required": [
     "repo",
     "scanId",
     "completedAt",
     "groupCount",
     "groups"
    ]
   },
   "ReviewedPR": {
    "type": "object",
    "properties": {
     "id": {
      "type": "integer"
     },
     "number": {
      "type": "integer"
     },
     "title": {
      "type": "string"
     },
     "author": {
      "type": "string"
     },
     "state": {
      "$ref": "#/components/schemas/PRState"
     }
    },
    "required": [
     "id",
     "number",
     "title",
     "author",
     "state"
    ]
   },
   "SimilarPR": {
    "type": "object",
    "description": "A pull request that is near by code or intent; the score of a signal by which it is not is 0.",
    "properties": {
     "prId": {
      "type": "integer"
     },
     "prNumber": {
      "type": "integer"
     },
     "title": {
      "type": "string"
     },
     "author": {
      "type": "string"
     },
     "state": {
      "$ref": "#/components/schemas/PRState"
     },
     "codeScore": {
      "type": "number"
     },
     "intentScore": {
      "type": "number"
     }
    },
    "required": [
     "prId",
     "prNumber",
     "title",
     "author",
     "state",
     "codeScore",
     "intentScore"
    ]
   },
   "Review": {
    "type": "object",
    "properties": {
     "repo": {
      "type": "string",
      "description": "`owner/name`"
     },
     "scanId": {
      "type": [
       "integer",
       "null"
      ],
      "description": "The latest completed scan, if there is one."
     },
     "pr": {
      "$ref": "#/components/schemas/ReviewedPR"
     },
     "dupeGroups": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/DupeGroupView"
      }
     },
     "similarPrs": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/SimilarPR"
      },
      "description": "At most 10, best first, never the pull request itself."
     }
    },
    "required": [
     "repo",
     "scanId",
     "pr",
     "dupeGroups",
     "similarPrs"
    ]
   },
   "Ok": {
    "type": "object",
    "properties": {
     "ok": {
      "type": "boolean"
     }
    },
    "required": [
     "ok"
    ]
   },
   "Error": {
    "type": "object",
    "properties": {
     "error": {
      "type": "string"
     }
    },
    "required": [
     "error"
    ]
   },
   "ValidationError": {
    "type": "object",
    "properties": {
     "error": {
      "anyOf": [
       {
        "type": "object",
        "properties": {
         "formErrors": {
          "type": "array",
          "items": {
           "type": "string"
          }
         },
         "fieldErrors": {
          "type": "object",
          "additionalProperties": {
           "type": "array",
           "items": {
            "type": "string"
           }
          }
         }
        },
        "required": [
         "formErrors",
         "fieldErrors"
        ]
       },
       {
        "type": "string"
       }
      ]
     }
    },
    "required": [
     "error"
    ]
   }
  },
  "securitySchemes": {
   "apiKey": {
    "type": "http",
    "scheme": "bearer"
   }
  }
 }
}
""")
