package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class PlacesTest {
    @RegisterExtension
    private final HeardEvents events = new HeardEvents();

    @Test
    void offKeepsTheReasonOnly() {
        assertThat(Places.site("why", Places.Mode.OFF)).isEqualTo("why");
        assertThat(Places.site("why")).as("off is the default").isEqualTo("why");
    }

    @Test
    void allRecordsThePlaceOfEach() {
        ScopeSite first = (ScopeSite) Places.site("why", Places.Mode.ALL);
        ScopeSite second = (ScopeSite) Places.site("why", Places.Mode.ALL);
        assertThat(first.className()).isEqualTo(PlacesTest.class.getName());
        assertThat(second.line()).isEqualTo(first.line() + 1);
    }

    @Test
    void sampledKnowsThePlaceOfAFrequentReason() {
        Object site = "not yet";
        for (int i = 0; i < 100 * Places.SAMPLE && !(site instanceof ScopeSite); i++) {
            site = Places.site("frequent", Places.Mode.SAMPLED);
            assertThat(site.toString()).contains("frequent");
        }
        assertThat(site).isInstanceOf(ScopeSite.class)
                .hasToString("'frequent' (PlacesTest:" + ((ScopeSite) site).line() + ")");
        assertThat(Places.site("frequent", Places.Mode.SAMPLED)).isInstanceOf(ScopeSite.class);
    }

    @Test
    void aWrongPropertyIsReportedAndTakenAsOff() throws Exception {
        assertThat(Places.mode("all")).isEqualTo(Places.Mode.ALL);
        assertThat(Places.mode("sampled")).isEqualTo(Places.Mode.SAMPLED);
        assertThat(Places.mode("off")).isEqualTo(Places.Mode.OFF);
        assertThat(events.all()).isEmpty();
        assertThat(Places.mode("everything")).isEqualTo(Places.Mode.OFF);
        assertThat(events.all()).singleElement().asString().contains("everything");
    }
}
