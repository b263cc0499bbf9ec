package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// writeJSON answers with v; the content type is JSON unless one is set already.
// v must be one of this package's documents, which always can be encoded.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("api: " + err.Error())
	}
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	// The error means that the client has left: there is no one to tell.
	_, _ = w.Write(append(body, '\n'))
}
