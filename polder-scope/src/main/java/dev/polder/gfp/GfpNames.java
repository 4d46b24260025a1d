package dev.polder.gfp;

import java.util.LinkedHashMap;
import java.util.Map;

/// Masks as text, and back.
final class GfpNames {
    // In the order in which the kernel's %pGg tries them: a composite that is wholly there is
    // printed and its bits are done with, so larger composites stand before those they contain.
    private static final String[] NAMES = {
        "GFP_KERNEL_ACCOUNT", "GFP_KERNEL", "GFP_NOFS", "GFP_ATOMIC", "GFP_NOIO", "GFP_NOWAIT",
        "__GFP_HIGH", "__GFP_IO", "__GFP_FS", "__GFP_NOWARN", "__GFP_RETRY_MAYFAIL",
        "__GFP_NOFAIL", "__GFP_NORETRY", "__GFP_ZERO", "__GFP_NOMEMALLOC", "__GFP_MEMALLOC",
        "__GFP_ACCOUNT", "__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM", "__GFP_NOLOCKDEP",
    };

    private static final int[] MASKS = {
        Gfp.KERNEL_ACCOUNT, Gfp.KERNEL, Gfp.NOFS, Gfp.ATOMIC, Gfp.NOIO, Gfp.NOWAIT,
        Gfp.HIGH, Gfp.IO, Gfp.FS, Gfp.NOWARN, Gfp.RETRY_MAYFAIL,
        Gfp.NOFAIL, Gfp.NORETRY, Gfp.ZERO, Gfp.NOMEMALLOC, Gfp.MEMALLOC,
        Gfp.ACCOUNT, Gfp.DIRECT_RECLAIM, Gfp.KSWAPD_RECLAIM, Gfp.NOLOCKDEP,
    };

    private static final Map<String, Integer> BY_NAME = byName();

    private GfpNames() {}

    static String toString(int gfp) {
        StringBuilder text = new StringBuilder();
        int left = gfp;
        for (int i = 0; i < MASKS.length && left != 0; i++) {
            if ((left & MASKS[i]) == MASKS[i]) {
                text.append(text.length() == 0 ? "" : "|").append(NAMES[i]);
                left &= ~MASKS[i];
            }
        }
        assert left == 0 : "every bit has a name";
        return text.toString();
    }

    static int parse(String text) {
        if (text.isBlank()) {
            return 0;
        }
        int mask = 0;
        for (String term : text.split("\\|", -1)) {
            mask |= parseTerm(term, text);
        }
        return mask;
    }

    private static int parseTerm(String term, String text) {
        String[] words = term.split("&\\s*~", -1);
        int mask = word(words[0], text);
        for (int i = 1; i < words.length; i++) {
            mask &= ~word(words[i], text);
        }
        return mask;
    }

    private static int word(String written, String text) {
        String word = written.strip();
        Integer mask = word.equals("0") ? Integer.valueOf(0) : BY_NAME.get(word);
        if (mask == null) {
            throw new IllegalArgumentException("'" + word + "' in \"" + text
                    + "\" is not the name of a GFP bit or mask; names are " + BY_NAME.keySet());
        }
        return mask;
    }

    private static Map<String, Integer> byName() {
        Map<String, Integer> map = new LinkedHashMap<>();
        for (int i = 0; i < NAMES.length; i++) {
            map.put(NAMES[i], MASKS[i]);
        }
        map.put("__GFP_RECLAIM", Gfp.RECLAIM); // read but never printed: GFP_NOIO is the same
        return map;
    }
}
