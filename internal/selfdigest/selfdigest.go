// Package selfdigest is for files that say their own SHA-256: it is taken over all bytes, with a 0 for each of the 64
// digits that say it. It finds damage. It is no signature, since whoever changes a file can write another digest.
package selfdigest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Digits is how long a digest is, in lower-case hexadecimal.
const Digits = 2 * sha256.Size

// Zeros stand in a file for the digits while its digest is taken.
var Zeros = strings.Repeat("0", Digits)

// Check holds a file against what it says of itself. The digits must stand once in its first part, which bounds where they
// are looked for; the parts follow one another.
func Check(said string, first []byte, others ...[]byte) error {
	if n := bytes.Count(first, []byte(said)); n != 1 {
		return fmt.Errorf("its digits stand in the header %d times, once is wanted", n)
	}
	at := bytes.Index(first, []byte(said))
	h := sha256.New()
	h.Write(first[:at])
	h.Write([]byte(Zeros[:len(said)]))
	h.Write(first[at+len(said):])
	for _, part := range others {
		h.Write(part)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != said {
		return fmt.Errorf("the file says %s of itself and its bytes have %s: it is damaged, or was changed by hand", said, got)
	}
	return nil
}

// Of is what a file with zeros in the digits' place is to say of itself.
func Of(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}
