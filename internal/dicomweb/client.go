package dicomweb

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// StoreError says that a server did not store all files.
type StoreError struct {
	// Temporary tells that the same files may be taken later.
	Temporary bool
	// Status is the answer's status, 0 where there was none.
	Status int
	// Reason is the FailureReason of the first file that was not stored, 0 where there was none.
	Reason uint16
	// Err is what went wrong without an answer, or with reading it.
	Err error
}

// Error has neither the server's address nor a file's UIDs.
func (e *StoreError) Error() string {
	text := "the server did not store the files"
	if e.Status != 0 {
		text += fmt.Sprintf(": status %d", e.Status)
	}
	if e.Reason != 0 {
		text += fmt.Sprintf(", failure reason %04X", e.Reason)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *StoreError) Unwrap() error { return e.Err }

// maxAnswer bounds the answer that is read.
const maxAnswer = 1 << 20

// Store sends DICOM files to the store resource of a server, such as https://pacs.example/dicom-web/studies, with further
// header fields, such as Authorization; header may be nil. It returns nil once the server has stored all of them; a file that
// the server says is there already is stored. Any other error is a [*StoreError], after which all may be sent again.
func Store(ctx context.Context, client *http.Client, address string, header http.Header, files [][]byte) error {
	boundary := "spikeray-" + rand.Text()
	length := int64(0)
	var pieces [][]byte
	for _, file := range files {
		head := "\r\n--" + boundary + "\r\nContent-Type: " + MediaType + "\r\n\r\n"
		pieces = append(pieces, []byte(head), file)
	}
	pieces = append(pieces, []byte("\r\n--"+boundary+"--\r\n"))
	for _, p := range pieces {
		length += int64(len(p))
	}
	body := func() (io.ReadCloser, error) {
		readers := make([]io.Reader, len(pieces))
		for i, p := range pieces {
			readers[i] = bytes.NewReader(p)
		}
		return io.NopCloser(io.MultiReader(readers...)), nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		return &StoreError{Err: errors.New("the server's address is not valid")}
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", fmt.Sprintf(`%s; type="%s"; boundary=%s`, related, MediaType, boundary))
	request.Header.Set("Accept", JSON)
	request.ContentLength = length
	request.GetBody = body
	request.Body, _ = body()

	response, err := client.Do(request)
	if err != nil {
		return &StoreError{Temporary: true, Err: withoutAddress(err)}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if response.Request.Method != http.MethodPost {
		return &StoreError{Status: response.StatusCode, Err: errors.New("the server sent the request elsewhere")}
	}
	return judge(response.StatusCode, answer, err, len(files))
}

// withoutAddress is what went wrong with a request, without the address that it went to, which may have a password in it.
func withoutAddress(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// judge makes an error of the answer for so many files, nil where all are stored.
func judge(status int, body []byte, unread error, files int) error {
	e := &StoreError{Status: status}
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		e.Temporary = true
		return e
	case status != http.StatusOK && status != http.StatusAccepted && status != http.StatusConflict:
		return e
	}
	failures, err := failureReasons(body)
	if unread != nil || len(body) > maxAnswer {
		err = errors.New("its answer broke off or is too long")
	}
	if err != nil {
		// It may have stored them: sending them again finds out.
		e.Temporary, e.Err = status != http.StatusConflict, err
		return e
	}
	left := 0
	for _, reason := range failures {
		if reason == duplicate || reason == duplicateAzure {
			continue
		}
		if left++; left == 1 {
			e.Reason = reason
		}
		e.Temporary = e.Temporary || reason>>8 == OutOfResources>>8
	}
	if left > 0 || status == http.StatusConflict && len(failures) < files {
		return e
	}
	return nil
}

// Failure reasons of instances that are there already: that of PS3.7, C, and that of Azure's DICOM service.
const (
	duplicate      = 0x0111
	duplicateAzure = 0xB00E
)

// failureReasons are those of the items that a Store Instances Response says have failed (PS3.18, I.2).
func failureReasons(body []byte) ([]uint16, error) {
	type element struct {
		Value []json.RawMessage
	}
	body = bytes.TrimSpace(body)
	sets := make([]map[string]element, 1)
	var err error
	if bytes.HasPrefix(body, []byte("[")) { // as some servers have it
		err = json.Unmarshal(body, &sets)
	} else {
		err = json.Unmarshal(body, &sets[0])
	}
	if err != nil {
		return nil, errors.New("its answer is not DICOM JSON")
	}
	var reasons []uint16
	for _, set := range sets {
		for _, sequence := range []string{"00081198", "0008119A"} {
			for _, raw := range set[sequence].Value {
				var item map[string]element
				reason := uint64(0)
				if json.Unmarshal(raw, &item) == nil && len(item["00081197"].Value) > 0 {
					// A number, or its digits as a string.
					text := strings.Trim(string(item["00081197"].Value[0]), `"`)
					if _, err := fmt.Sscanf(text, "%d", &reason); err != nil || reason > 0xffff {
						reason = 0
					}
				}
				reasons = append(reasons, uint16(reason))
			}
		}
	}
	return reasons, nil
}
