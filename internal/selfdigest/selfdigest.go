// Package selfdigest handles files that contain their own SHA-256. The digest is computed over all bytes, with a 0 in place
// of each of its 64 digits. It finds damage. It is not a signature, since whoever changes a file can write another digest.
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

// Zeros take the place of the digits in a file while its digest is computed.
var Zeros = strings.Repeat("0", Digits)

// Check compares a file with the digest said in it. The file is given in parts, one after another. The digits must occur
// exactly once in the first part, and are looked for only there.
func Check(said string, first []byte, others ...[]byte) error {
	if n := bytes.Count(first, []byte(said)); n != 1 {
		return fmt.Errorf("its digits occur in the header %d times, expected once", n)
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
		return fmt.Errorf("the file says %s, but its bytes have %s: it is damaged or was changed by hand", said, got)
	}
	return nil
}

// Of returns the digest for a file that has zeros in place of the digits.
func Of(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}
