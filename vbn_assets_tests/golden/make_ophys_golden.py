"""Ask AllenSDK for the goldens of Visual Behavior Ophys' files: run after the packaged sample has changed.

    <python as for make_golden.py> vbn_assets_tests/golden/make_ophys_golden.py

Uses AllenSDK only, never this project, and opens the packaged files themselves: no release is needed.
"""

import json
import lzma
import tempfile
from pathlib import Path

import numpy as np
from allensdk.brain_observatory.behavior.behavior_ophys_experiment import BehaviorOphysExperiment
from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession
from allensdk.brain_observatory.behavior.data_objects.stimuli.stimulus_templates import StimulusMovieTemplateFactory
from make_golden import FOLDER, plain, write_frame

SAMPLE = FOLDER.parents[1] / "vbn_assets/sample/release/visual-behavior-ophys-data"
VERSION = "1.1.0"
EXPERIMENTS = {1100009101: "v0.3.0", 1100009103: "v1.1.0"}
"""A plane of several, which was not changed after 0.3.0, and a single plane that was passively watched."""
SESSIONS = {1100009011: "v0.3.0", 1100009012: "v1.1.0"}
BEHAVIOR = {
    "trials": lambda session: session.trials,
    "stimulus_presentations": lambda session: session.stimulus_presentations,
    "licks": lambda session: session.licks,
    "rewards": lambda session: session.rewards,
    "running_speed": lambda session: session.running_speed,
    "raw_running_speed": lambda session: session.raw_running_speed,
    "eye_tracking": lambda session: session.eye_tracking,
    "get_rolling_performance_df": lambda session: session.get_rolling_performance_df(),
}
DICTS = {
    "metadata": lambda session: session.metadata,
    "task_parameters": lambda session: session.task_parameters,
    "get_performance_metrics": lambda session: session.get_performance_metrics(),
    "eye_tracking_rig_geometry": lambda session: session.eye_tracking_rig_geometry,
}
PLANE = {
    "dff_traces": lambda plane: plane.dff_traces,
    "corrected_fluorescence_traces": lambda plane: plane.corrected_fluorescence_traces,
    "demixed_traces": lambda plane: plane.demixed_traces,
    # The accessor returns the demixed traces: this is what it was meant to.
    "neuropil_traces": lambda plane: plane._cell_specimens.neuropil_traces,
    "events": lambda plane: plane.events,
    "cell_specimen_table": lambda plane: plane.cell_specimen_table.drop(columns="roi_mask"),
    "motion_correction": lambda plane: plane.motion_correction,
}
IMAGES = ("max_projection", "average_projection", "segmentation_mask_image")


def opened(reader, name):
    with tempfile.NamedTemporaryFile(suffix=".nwb") as file:
        file.write(lzma.decompress((SAMPLE / name).read_bytes()))
        file.flush()
        return reader.from_nwb_path(file.name)


def write_behavior(folder, session):
    folder.mkdir(parents=True, exist_ok=True)
    for name, read in BEHAVIOR.items():
        write_frame(folder / name, read(session))
    for name, read in DICTS.items():
        values = {key: plain(value) for key, value in read(session).items()}
        (folder / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n")
    np.savez_compressed(folder / "stimulus_timestamps", value=session.stimulus_timestamps)
    np.savez_compressed(folder / "get_reward_rate", value=session.get_reward_rate())
    images = session.stimulus_templates
    arrays = {f"{column}/{name}": images[column][name] for column in images.columns for name in images.index}
    np.savez_compressed(folder / "stimulus_templates", **arrays)


def write_plane(folder, plane):
    for name, read in PLANE.items():
        write_frame(folder / name, read(plane))
    np.savez_compressed(folder / "ophys_timestamps", value=plane.ophys_timestamps)
    masks = plane.roi_masks
    np.savez_compressed(folder / "roi_masks", **dict(zip(masks.cell_roi_id.astype(str), masks.roi_mask, strict=True)))
    images = {name: getattr(plane, name) for name in IMAGES}
    np.savez_compressed(folder / "images", **{name: image.data for name, image in images.items()})
    facts = {name: {"spacing": image.spacing, "unit": image.unit} for name, image in images.items()}
    (folder / "image_facts.json").write_text(json.dumps(facts, indent=1) + "\n")


def write_movie(folder):
    """Every few pixels of what AllenSDK makes of a frame: the whole of it is 20 MB."""
    frame = np.random.default_rng(0).integers(0, 256, (38, 76), dtype=np.uint8)
    images = StimulusMovieTemplateFactory.from_unprocessed("natural_movie_one", frame[None], n_workers=1).images
    pixels = {name: getattr(images[0], name)[::7, ::11] for name in ("warped", "unwarped")}
    np.savez_compressed(folder / "natural_movie", frame=frame, **pixels)


def main():
    write_movie(FOLDER / VERSION)
    for id, release in EXPERIMENTS.items():
        plane = opened(BehaviorOphysExperiment, Path(release) / f"behavior_ophys_experiment_{id}.nwb.xz")
        folder = FOLDER / VERSION / "ophys_experiment" / str(id)
        write_behavior(folder, plane)
        write_plane(folder, plane)
    for id, release in SESSIONS.items():
        session = opened(BehaviorSession, Path(release) / f"behavior_session_{id}.nwb.xz")
        write_behavior(FOLDER / VERSION / "behavior_session" / str(id), session)


if __name__ == "__main__":
    main()
