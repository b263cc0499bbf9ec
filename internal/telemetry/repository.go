package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Repository is the metrics of a folder of models. All methods are safe for concurrent use.
type Repository struct {
	loads  *prometheus.CounterVec
	unread prometheus.Counter
}

// RepositoryState is what a scrape is told of a folder of models.
type RepositoryState struct {
	// Failed tells by model whether a version of it could not be loaded the last time.
	Failed map[string]bool
	// Held and Limit are bytes, as the repository counts them.
	Held, Limit int64
}

// Repository makes the metrics of a folder of models whose tries to load a version have these results, all at 0, and asks at each
// scrape for its state. Call it once.
func (m *Metrics) Repository(now func() RepositoryState, results []string) *Repository {
	r := &Repository{
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_model_loads_total",
			Help: "Tries to load a version of a model from the folder of models, by result: loaded, or the kind of failure.",
		}, []string{"result"}),
		unread: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spikeray_model_folder_failures_total",
			Help: "Times that the folder of models could not be listed; what served then serves on.",
		}),
	}
	for _, result := range results {
		r.loads.WithLabelValues(result)
	}
	m.registry.MustRegister(r.loads, r.unread, repository(now))
	return r
}

// Tried counts a try to load a version.
func (r *Repository) Tried(result string) { r.loads.WithLabelValues(result).Inc() }

// Unread counts a time that the folder could not be listed.
func (r *Repository) Unread() { r.unread.Inc() }

// repository collects a state.
type repository func() RepositoryState

var (
	loadFailed = prometheus.NewDesc("spikeray_model_load_failed",
		"1 while a version of a model in the folder could not be loaded the last time, otherwise 0; the version before serves on.", []string{"model"}, nil)
	modelMemory = prometheus.NewDesc("spikeray_model_memory_bytes",
		"Memory that models of the folder hold, about: those that serve, and those that were replaced and still answer.", nil, nil)
	modelMemoryLimit = prometheus.NewDesc("spikeray_model_memory_limit_bytes", "Memory that models of the folder may hold.", nil, nil)
)

// Describe is called by the registry.
func (r repository) Describe(out chan<- *prometheus.Desc) {
	out <- loadFailed
	out <- modelMemory
	out <- modelMemoryLimit
}

// Collect is called at each scrape.
func (r repository) Collect(out chan<- prometheus.Metric) {
	now := r()
	for model, failed := range now.Failed {
		value := 0.0
		if failed {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(loadFailed, prometheus.GaugeValue, value, model)
	}
	out <- prometheus.MustNewConstMetric(modelMemory, prometheus.GaugeValue, float64(now.Held))
	out <- prometheus.MustNewConstMetric(modelMemoryLimit, prometheus.GaugeValue, float64(now.Limit))
}
