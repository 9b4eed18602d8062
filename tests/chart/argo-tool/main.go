// Argo's own judgement of what the chart renders.
//
//	argo lint FILE...   what `argo lint --offline` does; the argo program itself cannot be built from its Go module,
//	                    which lacks the files of the web interface that it embeds
//	argo evaluate       evaluates a part of a workflow as the controller does
//
// evaluate reads {"template": ..., "variables": {...}} and prints the template with its variables and expressions
// replaced, or reads {"condition": "...", "variables": {...}} and prints whether it holds, as a retry strategy's
// expression does. The names of variables are Argo's: "inputs.parameters.run-ts", "lastRetry.exitCode".
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-workflows/v3/cmd/argo/lint"
	"github.com/argoproj/argo-workflows/v3/pkg/apiclient"
	"github.com/argoproj/argo-workflows/v3/pkg/apis/workflow"
	"github.com/argoproj/argo-workflows/v3/util/expr/argoexpr"
	"github.com/argoproj/argo-workflows/v3/util/expr/env"
	"github.com/argoproj/argo-workflows/v3/util/template"
)

type question struct {
	Template  json.RawMessage   `json:"template"`
	Condition string            `json:"condition"`
	Variables map[string]string `json:"variables"`
}

func (q question) answer() (string, error) {
	if q.Condition == "" {
		return template.Replace(string(q.Template), q.Variables, false)
	}
	holds, err := argoexpr.EvalBool(q.Condition, env.GetFuncMap(template.EnvMap(q.Variables)))
	return fmt.Sprint(holds), err
}

func evaluate(input io.Reader, output io.Writer) error {
	var asked question
	if err := json.NewDecoder(input).Decode(&asked); err != nil {
		return err
	}
	answer, err := asked.answer()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(output, answer)
	return err
}

// runLint ends the program with exit code 1 when a file has a fault.
func runLint(files []string) error {
	ctx, client, err := apiclient.NewClientFromOpts(apiclient.Opts{Offline: true, OfflineFiles: files})
	if err != nil {
		return err
	}
	kinds := []string{workflow.WorkflowPlural, workflow.WorkflowTemplatePlural, workflow.CronWorkflowPlural}
	options := lint.LintOptions{Files: files, Strict: true, Printer: os.Stdout}
	return lint.RunLint(ctx, client, kinds, "simple", true, options)
}

func run(arguments []string) error {
	switch {
	case len(arguments) > 1 && arguments[0] == "lint":
		return runLint(arguments[1:])
	case len(arguments) == 1 && arguments[0] == "evaluate":
		return evaluate(os.Stdin, os.Stdout)
	default:
		return errors.New("usage: argo lint FILE... | argo evaluate")
	}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
