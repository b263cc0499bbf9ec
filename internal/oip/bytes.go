package oip

import (
	"encoding/binary"
	"encoding/json"
	"unicode/utf8"
)

// prefix is the bytes of an element's length in front of it, in the binary form of BYTES.
const prefix = 4

// prefixed is the size of the binary form.
func prefixed(elements [][]byte) (size int) {
	for _, e := range elements {
		size += prefix + len(e)
	}
	return size
}

func appendPrefixed(to []byte, elements [][]byte) []byte {
	for _, e := range elements {
		to = append(binary.LittleEndian.AppendUint32(to, uint32(len(e))), e...)
	}
	return to
}

// parsePrefixed reads so many elements, which share the memory of data.
func parsePrefixed(data []byte, want int) ([][]byte, error) {
	if want > len(data)/prefix {
		return nil, malformed("%d bytes, too few for %d elements with their lengths", len(data), want)
	}
	out := make([][]byte, 0, want)
	for range want {
		if len(data) < prefix {
			return nil, malformed("the data ends after %d of %d elements", len(out), want)
		}
		n := binary.LittleEndian.Uint32(data)
		if data = data[prefix:]; uint64(n) > uint64(len(data)) {
			return nil, malformed("element %d has %d bytes, but the data ends after %d", len(out), n, len(data))
		}
		out = append(out, data[:n:n])
		data = data[n:]
	}
	if len(data) > 0 {
		return nil, malformed("%d bytes follow the last element", len(data))
	}
	return out, nil
}

// strings writes the elements as a flat JSON array.
func (t *Tensor) strings() ([]byte, error) {
	all := make([]string, len(t.Elements))
	for i, e := range t.Elements {
		if !utf8.Valid(e) {
			return nil, malformed("tensor %.80q holds bytes that are not UTF-8, which JSON cannot represent", t.Name)
		}
		all[i] = string(e)
	}
	return json.Marshal(all)
}

// parseStrings reads an array, flat or nested, of so many strings.
func parseStrings(raw []byte, want int) ([][]byte, error) {
	if want > len(raw)/len(`""`) {
		return nil, malformed("fewer than %d elements", want)
	}
	out := make([][]byte, 0, want)
	err := elements(raw, want, func(v any) error {
		text, ok := v.(string)
		if !ok {
			return malformed("an element is not a string, as those of BYTES are in JSON")
		}
		out = append(out, []byte(text))
		return nil
	})
	return out, err
}
