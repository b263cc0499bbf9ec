package telemetry

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
)

func TestLoggerWritesJSONAboveItsLevel(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, FormatJSON, slog.LevelWarn)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("loud", "n", 3)
	var record struct {
		Msg, Level string
		N          int
	}
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if record.Msg != "loud" || record.Level != "WARN" || record.N != 3 {
		t.Errorf("got %+v", record)
	}
}

func TestLoggerRefusesAnUnknownFormat(t *testing.T) {
	if _, err := NewLogger(&bytes.Buffer{}, "xml", slog.LevelInfo); err == nil {
		t.Error("no error")
	}
}
