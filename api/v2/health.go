package v2

import (
	"net/http"

	"github.com/spikeray/spikeray/internal/pipeline"
)

func (h *Handler) live(w http.ResponseWriter, _ *http.Request) error {
	write(w, http.StatusOK, map[string]bool{"live": true})
	return nil
}

func (h *Handler) ready(w http.ResponseWriter, _ *http.Request) error {
	if err := h.Service.Ready(nil); err != nil {
		return err
	}
	write(w, http.StatusOK, map[string]bool{"ready": true})
	return nil
}

func (h *Handler) modelReady(w http.ResponseWriter, _ *http.Request, e *pipeline.Entry) error {
	if err := h.Service.Ready(e); err != nil {
		return err
	}
	write(w, http.StatusOK, struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{e.Name(), true})
	return nil
}
