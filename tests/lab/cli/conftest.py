from tests.command import evidence_path, fake_pipeline, photo_path, run_mfh

__all__ = ["evidence_path", "fake_pipeline", "photo_path", "run_mfh"]
