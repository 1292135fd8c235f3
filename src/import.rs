//! Session records from files as they are found in the world (feature `import`).
