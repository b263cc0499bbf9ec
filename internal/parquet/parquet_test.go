package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

var goldenColumns = []Column{{"text", Text}, {"number", Number}, {"whole", Whole}, {"yes_no", YesNo}, {"never", Text}}

// goldenRows are 200 rows with missing values, in columns of every kind.
func goldenRows() [][]string {
	random := rand.New(rand.NewPCG(1, 2))
	var rows [][]string
	for i := range 200 {
		row := []string{
			strings.Repeat("é\n\"", i%5+1) + strconv.Itoa(i),
			strconv.FormatFloat(random.NormFloat64()*1e-7, 'g', -1, 64),
			strconv.FormatInt(random.Int64()-random.Int64(), 10),
			strconv.FormatBool(random.IntN(2) == 0),
			"",
		}
		for j := range row {
			if random.IntN(4) == 0 {
				row[j] = ""
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// written is the file of the golden rows, in two row groups, and where its pages are.
func written(t *testing.T, by codec) (file []byte, groups []group) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, goldenColumns)
	if err != nil {
		t.Fatal(err)
	}
	w.codec = by
	for i, row := range goldenRows() {
		if i == 150 {
			w.flush()
		}
		if err := w.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(goldenRows()[0]); err == nil || w.Close() == nil {
		t.Error("rows can be added after the end")
	}
	return out.Bytes(), w.groups
}

// TestTheFileIsTheOneThatOthersRead holds the file against one whose values pyarrow and DuckDB gave back when
// testdata/golden.py was run.
func TestTheFileIsTheOneThatOthersRead(t *testing.T) {
	file, _ := written(t, uncompressed)
	if path := os.Getenv("SPIKERAY_TEST_PARQUET"); path != "" { // for golden.py
		rows, err := json.Marshal(goldenRows())
		zipped, _ := written(t, gzipped)
		if err = errors.Join(err, os.WriteFile(path+".json", rows, 0o644), os.WriteFile(path+".gz.parquet", zipped, 0o644), os.WriteFile(path, file, 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("testdata/golden.parquet")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, want) {
		t.Error("the file differs from testdata/golden.parquet; after a change on purpose run testdata/golden.py")
	}
}

// The bytes that gzip makes may change with Go, so the pages are held against those of the golden file once inflated.
func TestPagesAreGzipped(t *testing.T) {
	whole, plainGroups := written(t, uncompressed)
	file, groups := written(t, gzipped)
	for i, g := range groups {
		for j, k := range g.chunks {
			packed := file[k.at : k.at+int64(k.compressed)]
			packed = packed[bytes.Index(packed, []byte{0x1f, 0x8b, 8}):]
			r, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			page, err := io.ReadAll(r)
			other := plainGroups[i].chunks[j]
			if want := whole[other.at : other.at+int64(other.compressed)]; err != nil || !bytes.HasSuffix(want, page) || len(want)-len(page) > 40 {
				t.Errorf("row group %d, column %d: %v, %d bytes of %d", i, j, err, len(page), len(want))
			}
		}
	}
}

func TestRowGroupsAreBounded(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, []Column{{"a", Text}, {"b", YesNo}})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 1<<20)
	for range groupRows {
		if err := w.Append([]string{"", "true"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if err := w.Append([]string{long, ""}); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.groups) != 2 || w.groups[0].rows != groupRows || w.groups[1].rows != 16 || w.rows != 4 {
		t.Errorf("%d groups, %d rows wait", len(w.groups), w.rows)
	}
}

func TestMistakesAreErrors(t *testing.T) {
	if _, err := NewWriter(io.Discard, nil); err == nil {
		t.Error("no columns")
	}
	for name, row := range map[string][]string{
		"too few": {"a"}, "number": {"", "one", "", "", ""}, "whole": {"", "", "1.5", "", ""}, "yes or no": {"", "", "", "maybe", ""},
	} {
		w, err := NewWriter(io.Discard, goldenColumns)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(row); err == nil || w.Close() == nil {
			t.Errorf("%s: no error, or a file in spite of one", name)
		}
	}
	full := errors.New("full")
	w, err := NewWriter(&short{4, full}, goldenColumns)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(goldenRows()[0]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
}

// short takes so many bytes.
type short struct {
	left int
	err  error
}

func (s *short) Write(b []byte) (int, error) {
	if len(b) > s.left {
		return 0, s.err
	}
	s.left -= len(b)
	return len(b), nil
}
