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

// parseStrings reads an array, flat or nested, of so many strings. raw is valid JSON. A string without escapes is not copied: it may
// be a file in base64.
func parseStrings(raw []byte, want int) ([][]byte, error) {
	if want > len(raw)/len(`""`) {
		return nil, malformed("fewer than %d elements", want)
	}
	if len(raw) == 0 || raw[0] != '[' {
		return nil, malformed("data is not an array")
	}
	out := make([][]byte, 0, want)
	for len(raw) > 0 {
		switch raw[0] {
		case '[', ']', ',', ' ', '\t', '\r', '\n':
			raw = raw[1:]
			continue
		case '"':
		default:
			return nil, malformed("an element is not a string, as those of BYTES are in JSON")
		}
		if len(out) == want {
			return nil, malformed("more than %d elements", want)
		}
		end, escaped := endOfString(raw)
		if end < 0 {
			return nil, malformed("a string does not end")
		}
		element := raw[1:end:end]
		if escaped {
			var text string
			if err := json.Unmarshal(raw[:end+1], &text); err != nil {
				return nil, malformed("%v", err)
			}
			element = []byte(text)
		}
		out, raw = append(out, element), raw[end+1:]
	}
	if len(out) != want {
		return nil, malformed("%d elements, expected %d", len(out), want)
	}
	return out, nil
}

// endOfString is where the quote is that ends the JSON string at the beginning of raw, or -1, and whether there are escapes in it.
func endOfString(raw []byte) (end int, escaped bool) {
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i, escaped
		case '\\':
			escaped = true
			i++
		}
	}
	return -1, escaped
}
