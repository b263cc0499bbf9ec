package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Intake is the metrics of films that systems of a hospital send. All methods are safe for concurrent use.
type Intake struct{ films, associations *prometheus.CounterVec }

// Intake makes the metrics of the ways by which films come, each with its results, and of how associations end, all at 0.
// Call it once.
func (m *Metrics) Intake(results map[string][]string, endings []string) *Intake {
	i := &Intake{
		films: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_films_received_total",
			Help: "Objects that came from systems of the hospital, by the way they came and by result: the status of a C-STORE in hexadecimal, or what became of a file of the watched folder.",
		}, []string{"way", "result"}),
		associations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spikeray_dicom_associations_total",
			Help: "DICOM associations and connections that ended, by how they did.",
		}, []string{"ending"}),
	}
	for way, all := range results {
		for _, result := range all {
			i.films.WithLabelValues(way, result)
		}
	}
	for _, ending := range endings {
		i.associations.WithLabelValues(ending)
	}
	m.registry.MustRegister(i.films, i.associations)
	return i
}

// Film counts an object that came.
func (i *Intake) Film(way, result string) { i.films.WithLabelValues(way, result).Inc() }

// Association counts one that ended.
func (i *Intake) Association(ending string) { i.associations.WithLabelValues(ending).Inc() }

// Associations tells at each scrape how many there are, and how many bytes of objects on their way they hold, of how many
// they may. Call it once.
func (m *Metrics) Associations(open func() int, held, limit func() int64) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("spikeray_dicom_associations_open", "Open DICOM associations.", func() float64 { return float64(open()) })
	gauge("spikeray_dicom_buffer_bytes", "Memory that objects hold which come by C-STORE.", func() float64 { return float64(held()) })
	gauge("spikeray_dicom_buffer_limit_bytes", "Memory that such objects may hold.", func() float64 { return float64(limit()) })
}
