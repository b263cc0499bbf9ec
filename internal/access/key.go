package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// keyPrefix begins the keys that [NewKey] makes, so that whoever searches files for secrets finds them.
const keyPrefix = "spikeray_"

const (
	keyBits = 256
	// minKey is the length of 256 random bits in base64, without padding.
	minKey = 43
	maxKey = 256
	// minDistinct refuses what is long and not random: of 43 random characters of base64, or 64 of hexadecimal, fewer than
	// 10 distinct ones come once in 10^8 keys at most.
	minDistinct = 10
)

// NewKey makes an API key of 256 random bits.
func NewKey() string {
	var random [keyBits / 8]byte
	_, _ = rand.Read(random[:]) // it never fails: the program ends where there is no randomness
	return keyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
}

// Hash is what is kept of a key, the SHA-256 of its characters. A slow hash, which passwords need, would gain nothing: 256
// random bits cannot be guessed, however fast a guess is.
type Hash [sha256.Size]byte

// HashOf is the hash of a key.
func HashOf(key string) Hash { return sha256.Sum256([]byte(key)) }

// CheckKey refuses keys that cannot be of 256 random bits: they are too short, or of a few characters only. A dot has no place in
// a key: it tells tokens from keys.
func CheckKey(key string) error {
	switch {
	case len(key) < minKey:
		return fmt.Errorf("the key has %d characters, must have at least %d: 256 random bits in base64", len(key), minKey)
	case len(key) > maxKey:
		return fmt.Errorf("the key has %d characters, must have at most %d", len(key), maxKey)
	}
	seen := map[byte]bool{}
	for _, c := range []byte(key) {
		if !isKeyByte(c) {
			return fmt.Errorf("a key is of letters, digits and the characters _ - ~ + / =")
		}
		seen[c] = true
	}
	if len(seen) < minDistinct {
		return fmt.Errorf("the key has %d distinct characters, must have at least %d: it is not random", len(seen), minDistinct)
	}
	return nil
}

// isKeyByte is of RFC 9110's token68, without the dot.
func isKeyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-~+/=", c) >= 0
}

// couldBeKey tells whether a text has the length and the characters of a key.
func couldBeKey(text string) bool {
	if len(text) < minKey || len(text) > maxKey {
		return false
	}
	for i := range len(text) {
		if !isKeyByte(text[i]) {
			return false
		}
	}
	return true
}
