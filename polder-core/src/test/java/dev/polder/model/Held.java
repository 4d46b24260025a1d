package dev.polder.model;

import dev.polder.model.ModelFrames.Placed;

/// What a program holds on the model: a run of pages, an object, an area, or nothing at all.
sealed interface Held permits Placed, ModelObjects.Obj, ModelAreas.Area, Held.Nothing {
    /// What a request for no bytes gets (G4).
    record Nothing() implements Held {
    }
}
