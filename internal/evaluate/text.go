package evaluate

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// WriteText prints the report for people: the classification report as
// scikit-learn lays it out, the confusion matrix and the statistics with their
// 95% intervals.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

	line("\tprecision\trecall\tf1\tsupport\t")
	for _, c := range []struct {
		name string
		Class
	}{{"NORMAL", r.Normal}, {"PNEUMONIA", r.Pneumonia}, {"macro average", r.Macro}, {"weighted average", r.Weighted}} {
		line("%s\t%s\t%s\t%s\t%d\t", c.name, c.Precision, c.Recall, c.F1, c.Support)
	}
	line("")
	line("truth \\ answer\tNORMAL\tPNEUMONIA\t")
	line("NORMAL\t%d\t%d\t", r.Confusion[0][0], r.Confusion[0][1])
	line("PNEUMONIA\t%d\t%d\t", r.Confusion[1][0], r.Confusion[1][1])
	line("")
	line("%d pictures, threshold %g\t\t95%% interval\t", r.N, r.Threshold)
	for _, s := range []struct {
		name, key string
		value     Number
	}{
		{"accuracy", "accuracy", r.Accuracy},
		{"AUC", "auc", r.AUC},
		{"sensitivity", "sensitivity", r.Sensitivity},
		{"specificity", "specificity", r.Specificity},
		{"F1, pneumonia", "f1_pneumonia", r.F1Pneumonia},
		{"F1, weighted", "f1_weighted", r.F1Weighted},
		{"Brier score", "brier", r.Brier},
		{"calibration error", "ece", r.ECE},
	} {
		interval := ""
		if i, ok := r.Intervals[s.key]; ok {
			interval = fmt.Sprintf("%s to %s", i[0], i[1])
		}
		line("%s\t%s\t%s\t", s.name, s.value, interval)
	}
	return t.Flush()
}

// String is the number with three decimals, or a dash when it is undefined.
func (n Number) String() string {
	if math.IsNaN(float64(n)) {
		return "-"
	}
	return fmt.Sprintf("%.3f", float64(n))
}
