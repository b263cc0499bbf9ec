package api

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
)

// readAnswer reads the answer to a request that was written by hand.
func readAnswer(t testing.TB, connection net.Conn, method, path string) answer {
	t.Helper()
	r := request(t, method, "http://x"+path, nil)
	response, err := http.ReadResponse(bufio.NewReader(connection), r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.Close { // ReadResponse takes the field away
		response.Header.Set("Connection", "close")
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	holdAgainstDocument(t, r, response)
	return answer{response.StatusCode, response.Header, body}
}
