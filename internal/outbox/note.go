package outbox

import (
	"encoding/json"
	"errors"
	"os"
)

// note is the ending of the file beside an item that says what came of the tries to deliver it.
const note = ".json"

// noted is what that file says. It is for a person: an item is delivered the same without it.
type noted struct {
	Tries  int    `json:"tries"`  // that were in vain
	Reason string `json:"reason"` // of the last
}

// readNote is what is noted beside an item's file, zero where nothing is.
func readNote(path string) (n noted) {
	if text, err := os.ReadFile(path + note); err != nil || json.Unmarshal(text, &n) != nil {
		return noted{}
	}
	return n
}

// tried counts a try of an item in the queue that was in vain, and notes why.
func (b *Outbox) tried(e *entry, why string) error {
	path := b.path(queueDir, e.key)
	if e.tries == 0 {
		e.tries = readNote(path).Tries // under an earlier process
	}
	e.tries++
	text, err := json.Marshal(noted{e.tries, why})
	if err != nil {
		return err
	}
	whole := path + note // for List, which may read it at any time
	if err := os.WriteFile(whole+part, text, 0o600); err != nil {
		return err
	}
	return os.Rename(whole+part, whole)
}

// removeFiles removes an item's file and what is noted beside it, if they are there.
func removeFiles(path string) error {
	return errors.Join(removed(os.Remove(path)), removed(os.Remove(path+note)))
}
