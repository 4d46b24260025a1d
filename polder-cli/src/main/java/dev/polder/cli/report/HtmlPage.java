package dev.polder.cli.report;

import dev.polder.cli.trace.Phase;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The outcome as one page that needs nothing else: no network, no second file.
public final class HtmlPage {

    private final Outcome outcome;
    private final StringBuilder out = new StringBuilder(1 << 18);

    private HtmlPage(Outcome outcome) {
        this.outcome = outcome;
    }

    /// The page's text.
    public static String text(Outcome outcome) {
        HtmlPage page = new HtmlPage(outcome);
        page.head();
        page.deadlocks();
        PlotRow.of(outcome).forEach(page::plots);
        page.comparisons();
        page.phases();
        page.table();
        page.foot();
        return page.out.toString();
    }

    private void head() {
        Outcome.Setting s = outcome.setting();
        add("<!doctype html><html lang='en'><head><meta charset='utf-8'>"
                + "<meta name='viewport' content='width=device-width,initial-scale=1'>"
                + "<title>Polder demo</title><style>");
        out.append(Html.resource("page.css"));
        add("</style></head><body><main><header><h1>One pool, three users, %d policies</h1>"
                + "<p class='lead'>Two stores and a cache share <b>%s</b>; their data is "
                + "<b>%s</b> in "
                + "%,d texts from %s. Every policy ran the same operations for %s s in a process "
                + "of its "
                + "own. They differ in one thing: what a thread that holds a store's journal may "
                + "reclaim.</p><p>Four phases, the bands of the plots: %s.</p></header>",
                        outcome.policies().size(),
                Unit.BYTES.text(s.budgetBytes()), Unit.BYTES.text(s.inputBytes()), s.inputTexts(),
                Html.escape(s.input()), number(s.seconds()),
                Arrays.stream(Phase.values()).map(Phase::title)
                        .collect(Collectors.joining(" \u00b7 ")));
        add("<section class='cards'>");
        for (PolicyResult p : outcome.policies()) {
            card(p);
        }
        add("</section>");
        for (String complaint : outcome.complaints()) {
            add("<p class='complaint'>%s</p>", Html.escape(complaint));
        }
    }

    private void card(PolicyResult p) {
        add("<div class='card%s'><h3>%s</h3><p class='what'>%s</p>", !p.end().equals("time")
                ? " bad" : "",
                p.name(), PolicyNotes.of(p.name()));
        if (!p.end().equals("time")) {
            add("<p class='big'>%s</p><p>after %.1f s</p>", p.end(),
                    new Course(p.last().samples()).end());
        } else {
            add("<p class='big'>%s</p><p>frames taken from the bystander and wanted again within "
                    + "2 s"
                    + "</p><p class='big'>%s</p><p>idle elsewhere when a writer stalled</p>",
                    value(p, Figure.OVER_RECLAIMED), value(p, Figure.IDLE_ELSEWHERE));
        }
        add("</div>");
    }

    private void deadlocks() {
        for (PolicyResult p : outcome.policies()) {
            String chain = p.deadlock();
            if (chain != null) {
                add("<section><h2>How <em>%s</em> deadlocked</h2><pre>%s</pre></section>", p.name(),
                        Html.escape(chain));
            }
        }
    }

    private void plots(PlotRow row) {
        add("<section><h2>%s</h2><p>%s", Html.escape(row.title()), Html.escape(row.text()));
        for (PlotRow.Key key : row.legend()) {
            add(" <span class='key'><i class='%s'></i>%s</span>", key.style(),
                    Html.escape(key.name()));
        }
        add("</p><div class='plots'>");
        List<PolicyResult> policies = outcome.policies();
        for (int i = 0; i < policies.size(); i++) {
            add("<figure><figcaption>%s</figcaption>", policies.get(i).name());
            out.append(row.plots().get(i));
            add("</figure>");
        }
        add("</div></section>");
    }

    private void comparisons() {
        List<Comparison> all = TextReport.comparisons(outcome);
        if (all.isEmpty()) {
            return;
        }
        add("<section><h2>What domains change</h2><p>%s</p><div "
                + "class='scroll'><table><thead><tr><th>"
                + "<em>domain</em> against</th>", Html.escape(TextReport.noiseSentence(outcome)));
        all.forEach(c -> add("<th>%s</th>", c.other()));
        add("</tr></thead><tbody>");
        for (Figure figure : Comparison.FIGURES) {
            comparison(figure, all);
        }
        add("</tbody></table></div><pre class='plain'>%s</pre></section>",
                Html.escape(String.join("\n", TextReport.whereNot(outcome, all))));
    }

    private void comparison(Figure figure, List<Comparison> all) {
        if (all.stream().noneMatch(c -> find(c, figure) != null)) {
            return;
        }
        add("<tr><th>%s</th>", Html.escape(figure.label().strip()));
        for (Comparison c : all) {
            Comparison.Line line = find(c, figure);
            add("<td class='%s'>%s</td>", line == null ? "" : line.verdict().name()
                    .toLowerCase(Locale.ROOT), line == null ? "" : Html.escape(line.text()));
        }
        add("</tr>");
    }

    private static Comparison.@Nullable Line find(Comparison c, Figure figure) {
        return c.lines().stream().filter(l -> l.figure() == figure).findFirst().orElse(null);
    }

    private void phases() {
        tableHead("By phase");
        for (PhaseTable.Row row : PhaseTable.of(outcome)) {
            if (row.cells().isEmpty()) {
                add("<tr class='group'><th colspan='%d'>%s</th></tr>",
                        outcome.policies().size() + 1, Html.escape(row.label()));
            } else {
                add("<tr class='part'><th>%s</th>", Html.escape(row.label()));
                row.cells().forEach(cell -> add("<td>%s</td>", cell.replace(" ", "&nbsp;")));
                add("</tr>");
            }
        }
        add("</tbody></table></div></section>");
    }

    private void tableHead(String title) {
        add("<section><h2>%s</h2><div class='scroll'><table><thead><tr><th></th>", title);
        outcome.policies().forEach(p -> add("<th>%s</th>", p.name()));
        add("</tr></thead><tbody>");
    }

    private void table() {
        tableHead("All figures");
        for (Figure.Group group : Figure.Group.values()) {
            add("<tr class='group'><th colspan='%d'>%s</th></tr>", outcome.policies().size() + 1,
                    Html.escape(group.title()));
            for (Figure figure : Figure.values()) {
                if (figure.group() == group) {
                    row(figure);
                }
            }
        }
        add("</tbody></table></div></section>");
    }

    private void row(Figure figure) {
        if (outcome.policies().stream().allMatch(p -> p.median(figure) == null)) {
            return;
        }
        boolean part = figure.label().startsWith(" ");
        add("<tr%s><th>%s</th>", part ? " class='part'" : "", Html.escape(figure.label().strip()));
        outcome.policies().forEach(p -> add("<td>%s</td>", value(p, figure)));
        add("</tr>");
    }

    private void foot() {
        Outcome.Setting s = outcome.setting();
        add("<footer>seed %d &middot; trace %s &middot; %s s a policy, %d round%s &middot; JDK %s "
                + "&middot; %d processors. The plots show the last round, the table medians. A "
                + "dash "
                + "stands for a figure that does not exist.</footer></main><script>", s.seed(),
                s.traceHash(), number(s.seconds()), s.rounds(), s.rounds() == 1 ? "" : "s",
                Html.escape(s.jdk()), s.cpus());
        out.append(Html.resource("page.js"));
        add("</script></body></html>\n");
    }

    private static String value(PolicyResult p, Figure figure) {
        Double value = p.median(figure);
        return value == null ? "&ndash;" : figure.unit().text(value).replace(" ", "&nbsp;");
    }

    private static String number(double value) {
        return value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value);
    }

    private void add(String format, Object... arguments) {
        out.append(String.format(Locale.ROOT, format, arguments));
    }
}
