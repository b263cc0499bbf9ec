// Package strictjson reads JSON strictly: unknown, missing and repeated keys and null are errors.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode is json.Unmarshal without its leniency: a key must be a field's to the letter, must not stand twice, and
// must be there unless its field may be omitted; nothing may be null, and an array is as long as its type says; text
// passes [CheckText]. What is decoded as it is, such as a json.RawMessage, is free but for keys that stand twice and
// numbers beyond a float64.
func Decode(text []byte, v any) error {
	if err := CheckText(text); err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil { // which also bounds the depth
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return decodeValue(dec, reflect.TypeOf(v).Elem())
}

// CheckText refuses what json.Unmarshal puts U+FFFD in place of: bytes that are not UTF-8, and escapes of half a surrogate
// pair.
func CheckText(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("text that is not UTF-8")
	}
	high := false // the last thing was the escape of a pair's first half
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			if high {
				return errors.New("half a surrogate pair")
			}
			continue
		}
		var unit uint64
		if i+6 <= len(text) && text[i+1] == 'u' {
			unit, _ = strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
			i += 4
		}
		i++
		if low := 0xDC00 <= unit && unit < 0xE000; low != high {
			return errors.New("half a surrogate pair")
		}
		high = 0xD800 <= unit && unit < 0xDC00
	}
	return nil
}

func decodeValue(dec *json.Decoder, t reflect.Type) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		t = nil
	}
	switch {
	case token == json.Delim('{'):
		return decodeObject(dec, t)
	case token == json.Delim('['):
		return decodeArray(dec, t)
	case token == nil && t != nil:
		return fmt.Errorf("a %s is null", t.Kind())
	}
	if n, ok := token.(json.Number); ok {
		if _, err := n.Float64(); err != nil {
			return fmt.Errorf("%.64s is too large a number", n)
		}
	}
	return nil
}

func decodeArray(dec *json.Decoder, t reflect.Type) error {
	var element reflect.Type
	if t != nil {
		element = t.Elem()
	}
	n := 0
	for ; dec.More(); n++ {
		if err := decodeValue(dec, element); err != nil {
			return err
		}
	}
	if t != nil && t.Kind() == reflect.Array && n != t.Len() {
		return fmt.Errorf("an array of %d elements, expected %d", n, t.Len())
	}
	_, err := dec.Token()
	return err
}

func decodeObject(dec *json.Decoder, t reflect.Type) error {
	fields := map[string]reflect.Type{}
	var wanted []string // in the fields' order
	if t != nil && t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			if f.Anonymous { // its fields are among them
				continue
			}
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields[name] = f.Type
			if options == "" {
				wanted = append(wanted, name)
			}
		}
	}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key := token.(string)
		value, known := fields[key]
		switch {
		case seen[key]:
			return fmt.Errorf("the key %.80q is given twice", key)
		case len(fields) > 0 && !known:
			return fmt.Errorf("the key %.80q is unknown", key)
		case t != nil && t.Kind() == reflect.Map:
			value = t.Elem()
		}
		seen[key] = true
		if err := decodeValue(dec, value); err != nil {
			return err
		}
	}
	for _, name := range wanted {
		if !seen[name] {
			return fmt.Errorf("the key %q is missing", name)
		}
	}
	_, err := dec.Token()
	return err
}
