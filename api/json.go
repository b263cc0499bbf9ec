package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
)

// documents is the memory of documents that are being sent.
var documents = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// writeJSON answers with v; the content type is JSON unless one is set already.
// v must be one of this package's documents, which always can be encoded.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body := documents.Get().(*bytes.Buffer)
	body.Reset()
	if err := json.NewEncoder(body).Encode(v); err != nil {
		panic("api: " + err.Error())
	}
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	// The error means that the client has left: there is no one to tell.
	_, _ = w.Write(body.Bytes())
	if body.Cap() <= small {
		documents.Put(body)
	}
}
