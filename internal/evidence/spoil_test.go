package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// randomised are the layers whose weights are shuffled, from the read-out down (Adebayo and others, "Sanity Checks for Saliency Maps",
// 2018).
var randomised = []struct {
	name    string
	tensors []string
}{
	{"read-out", []string{"logits.weights"}},
	{"from conv9", []string{"logits.weights", "conv9.weights"}},
	{"from conv5", []string{"logits.weights", "conv9.weights", "conv8.weights", "conv7.weights", "conv6.weights", "conv5.weights"}},
	{"all", []string{"logits.weights", "conv9.weights", "conv8.weights", "conv7.weights", "conv6.weights", "conv5.weights",
		"conv4.weights", "conv3.weights", "conv2.weights", "conv1.weights", "conv0.weights"}},
}

// spoil is the default model with the values of some tensors shuffled.
func spoil(t testing.TB, tensors []string) *model.Model {
	t.Helper()
	file, err := models.Open(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.Clone(file)
	begin := 8 + int(binary.LittleEndian.Uint64(file))
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:begin], &header); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, name := range tensors {
		var tensor struct {
			DType   string
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(header[name], &tensor); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data := file[begin+tensor.Offsets[0] : begin+tensor.Offsets[1]]
		width := map[string]int{"I8": 1, "F32": 4}[tensor.DType]
		random.Shuffle(len(data)/width, func(i, j int) {
			for k := range width {
				data[i*width+k], data[j*width+k] = data[j*width+k], data[i*width+k]
			}
		})
	}
	m, err := model.Decode(t.Context(), sealed(file), model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sealed gives a model file that was changed its digest, which is taken with zeros in the digest's place.
func sealed(file []byte) []byte {
	key := []byte(`\"file_sha256\"`)
	at := bytes.Index(file, key) + len(key)
	at += bytes.IndexAny(file[at:], "0123456789abcdef")
	digest := file[at : at+64]
	copy(digest, bytes.Repeat([]byte("0"), 64))
	sum := sha256.Sum256(file)
	hex.Encode(digest, sum[:])
	return file
}

func TestASpoiltModelAnswersOtherwise(t *testing.T) {
	m, other := theDefault(t), spoil(t, randomised[0].tensors)
	p := picture(m, 1)
	if a, b := infer(t, m, p, 0).LogOdds, infer(t, other, p, 0).LogOdds; a == b {
		t.Errorf("both say %v", a)
	}
}
