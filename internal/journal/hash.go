package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Hash is a SHA-256, written as 64 hexadecimal digits in lower case.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText gives the digits.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads exactly 64 digits in lower case.
func (h *Hash) UnmarshalText(text []byte) error {
	var got Hash
	if len(text) != hex.EncodedLen(len(got)) || strings.ContainsAny(string(text), "ABCDEF") {
		return fmt.Errorf("%.80q is no SHA-256 of 64 hexadecimal digits in lower case", text)
	}
	if _, err := hex.Decode(got[:], text); err != nil {
		return fmt.Errorf("%.80q is no SHA-256: %w", text, err)
	}
	*h = got
	return nil
}

// Receipt names a record: its number and its hash, which no other record has. It stands for the whole journal up to there.
type Receipt struct {
	Seq  uint64
	Hash Hash
}

// String is the receipt as it is handed out: "12:" and the 64 digits.
func (r Receipt) String() string { return strconv.FormatUint(r.Seq, 10) + ":" + r.Hash.String() }

// ParseReceipt reads what [Receipt.String] writes.
func ParseReceipt(text string) (r Receipt, err error) {
	number, digits, _ := strings.Cut(text, ":")
	r.Seq, err = strconv.ParseUint(number, 10, 64)
	if err != nil || r.Seq == 0 || number[0] == '0' || number[0] == '+' || r.Hash.UnmarshalText([]byte(digits)) != nil {
		return Receipt{}, fmt.Errorf("%.100q is no receipt: it must be a number from 1, a colon and 64 hexadecimal digits in lower case", text)
	}
	return r, nil
}
