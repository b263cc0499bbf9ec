package strictjson_test

import (
	"encoding/json"
	"testing"

	"github.com/spikeray/spikeray/internal/strictjson"
)

func TestTextIsUTF8AndWholePairs(t *testing.T) {
	for text, good := range map[string]bool{
		`{"a":"é \ud83d\ude00 \\ud800 \n\u0041"}`: true,
		"{\"a\":\"\xff\"}":                        false,
		`{"a":"\ud83d"}`:                          false,
		`{"a":"\ud83d\n"}`:                        false,
		`{"a":"\ude00\ud83d"}`:                    false,
		`{"a":"\ud83d\ud83d"}`:                    false,
		`{"a":"\\\ude00"}`:                        false,
		`{"\uD83D\uDE00":"\\\\"}`:                 true,
	} {
		if err := strictjson.CheckText([]byte(text)); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestWhatIsKeptAsItIsHasFiniteNumbersAndNoKeyTwice(t *testing.T) {
	for text, good := range map[string]bool{
		`{"a":{"b":[1e308,null,{"c":12345678901234567890}]}}`: true,
		`{"a":{"b":1e309}}`:    false,
		`{"a":{"b":[-1e999]}}`: false,
		`{"a":{"b":1,"b":1}}`:  false,
	} {
		var v struct {
			A json.RawMessage `json:"a"`
		}
		if err := strictjson.Decode([]byte(text), &v); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
