//go:build race

package api

import (
	"net/http"
	"testing"
)

// The document's library takes minutes to compile for the race detector, and what it finds does not hang on it: under the
// detector the same requests are sent and answered, and the tests without it hold the answers against the document.

func holdPromises(*testing.T, map[string]bool) {}

func validate(testing.TB, *http.Request, *http.Request, *http.Response) {}
