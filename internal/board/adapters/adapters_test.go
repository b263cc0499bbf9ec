package adapters

import "testing"

func TestConfigure(t *testing.T) {
	for _, c := range []struct {
		board string
		given map[string]string
		good  bool
	}{
		{"loihi", nil, true},
		{"loihi", map[string]string{"chip": "loihi1", "chips": "4"}, true},
		{"loihi", map[string]string{"chips": "four"}, false},
		{"remote", nil, false},
		{"remote", map[string]string{"url": "http://localhost:8700", "timeout": "3s", "like": "loihi"}, true},
		{"remote", map[string]string{"url": "http://localhost:8700", "timeout": "-3s"}, false},
		{"remote", map[string]string{"url": "http://localhost:8700", "like": "akida"}, false},
		{"spinnaker", map[string]string{"notify": "127.0.0.1:19999", "marker": "tick", "burst": "-1"}, true},
		{"spinnaker", map[string]string{"chip": "loihi1"}, false},
		{"truenorth", nil, false},
	} {
		o, err := Configure(c.board, c.given)
		if (err == nil) != c.good || c.good && (o.Name != c.board || o.Open == nil) {
			t.Errorf("%s %v: %v", c.board, c.given, err)
		}
	}
}
