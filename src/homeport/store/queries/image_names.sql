-- Names under which images were published.

-- name: publish_image
INSERT INTO image_names (environment, name, image_id, published_at)
VALUES (:environment, :name, :image_id, :published_at) RETURNING revision

-- name: image_by_name
SELECT image_id FROM image_names WHERE environment = :environment AND name = :name
ORDER BY revision DESC LIMIT 1

-- name: image_names
-- The newest publication of each name, with the time of its first one.
SELECT environment, name, image_id, max(revision) AS revision, min(published_at) AS created_at,
    max(published_at) AS published_at
FROM image_names
WHERE environment = :environment AND substr(name, 1, length(:prefix)) = :prefix AND name > :after
GROUP BY name ORDER BY name LIMIT :limit

-- name: image_name_history
SELECT image_id, revision, published_at FROM image_names
WHERE environment = :environment AND name = :name AND revision < :before
ORDER BY revision DESC LIMIT :limit

-- name: forget_image_name
DELETE FROM image_names WHERE environment = :environment AND name = :name

-- name: published_images
-- Images that a name stands for now.
SELECT image_id FROM image_names WHERE revision IN (SELECT max(revision) FROM image_names GROUP BY environment, name)
