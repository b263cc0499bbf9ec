package batch

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// maxShards is the most parts that a list is divided into.
const maxShards = 1 << 20

// Shard is one of N parts of a list, I from 0. A picture belongs to the part that its path's hash names, so that each is in one
// part even if the parts are listed at different times and files were added in between. The zero value is the whole list.
type Shard struct{ I, N int }

// UnmarshalText reads I/N.
func (s *Shard) UnmarshalText(text []byte) error {
	first, second, _ := strings.Cut(string(text), "/")
	i, err1 := strconv.Atoi(first)
	n, err2 := strconv.Atoi(second)
	if err1 != nil || err2 != nil || n < 1 || n > maxShards || i < 0 || i >= n {
		return fmt.Errorf("%q is not a shard: must be I/N with I from 0 to N-1, such as 0/16, and N at most %d", text, maxShards)
	}
	*s = Shard{i, n}
	return nil
}

func (s Shard) String() string {
	if s.N == 0 {
		return "0/1"
	}
	return fmt.Sprintf("%d/%d", s.I, s.N)
}

// Holds tells whether a path is in this part: whether the first eight bytes of its SHA-256, a number with the highest byte
// first, leave I when divided by N.
func (s Shard) Holds(path string) bool {
	if s.N <= 1 {
		return true
	}
	sum := sha256.Sum256([]byte(path))
	return binary.BigEndian.Uint64(sum[:])%uint64(s.N) == uint64(s.I)
}
